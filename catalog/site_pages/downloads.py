"""The list of files to take away."""

from __future__ import annotations

from collections.abc import Iterator

from catalog import exporters
from catalog.site_pages._book import Book


def pages(book: Book) -> Iterator[tuple[str, str]]:
    """The one page; see `catalog.site_pages`."""
    formats = [exporters.load(name) for name in exporters.names()]
    yield "downloads.md", book.fill("downloads", {"formats": formats}, root="")
