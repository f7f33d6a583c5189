"""A page for every measured model, and the list of them."""

from __future__ import annotations

from collections.abc import Iterator

from catalog.site_pages._book import Book


def pages(book: Book) -> Iterator[tuple[str, str]]:
    """The list and every model; see `catalog.site_pages`."""
    yield "models/index.md", book.fill("models")
    for slug, model in book.models.items():
        runs = book.registry.runs_of(slug)
        about = {
            "model": model,
            "runs": runs,
            "heads": sorted({name for run in runs for name in run.heads()}),
            "effects": [effect for effect in book.registry.effects if effect.model.slug == slug],
            "tested": [check for check in book.checks if check.model is not None and check.model.slug == slug],
        }
        yield f"models/{slug}.md", book.fill("model", about)
