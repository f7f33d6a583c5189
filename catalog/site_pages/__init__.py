"""Pages of the site: Markdown and a little HTML, written from the registry before any site builder runs.

A kind of page is one file here and one template in site/templates. The file has a function `pages`, which takes the
`Book` and yields path and text of each page; it is found because of where it lies.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from catalog.errors import SiteBuildError
from catalog.files import project_folder
from catalog.plugins import names_in
from catalog.registry import Registry
from catalog.site_pages._book import Book
from catalog.site_pages._files import MANIFEST, update

__all__ = ["MANIFEST", "collect", "kinds", "write"]


def kinds() -> list[str]:
    """Names of all kinds of pages, in alphabetical order.

    Returns:
        The names of their files.
    """
    return names_in(Path(__file__).parent)


def write(registry: Registry, folder: Path) -> list[Path]:
    """Write all pages and assets of the site; remove pages that an earlier run wrote and that are no longer due.

    Args:
        registry: What the pages are about.
        folder: Where to write, such as build/docs; files that this function did not write are left alone.

    Returns:
        The files whose content changed.

    Raises:
        DataFolderError: there is no clone with the templates.
        SiteBuildError: two pages would have the same address, or a template is broken.
        OSError: a file cannot be written.
    """
    return update(folder, collect(registry))


def collect(registry: Registry) -> dict[str, str]:
    """All files of the site before it is built: hand-written ones and pages made from the registry.

    Args:
        registry: What the pages are about.

    Returns:
        Text by path below the folder of pages.

    Raises:
        DataFolderError: there is no clone with the templates.
        SiteBuildError: two files would have the same address, or a template is broken.
    """
    from jinja2 import TemplateError

    sources = project_folder() / "site"
    files: dict[str, str] = {}
    taken: set[str] = set()
    try:
        for name, text in (*_hand_written(sources / "docs"), *_filled(registry, sources / "templates")):
            if name.lower() in taken:
                raise SiteBuildError(f"two pages would be {name}; rename the paper, head type or model behind one")
            taken.add(name.lower())
            files[name] = text
    except TemplateError as error:
        raise SiteBuildError(f"a template in site/templates cannot be filled: {error}") from error
    return files


def _hand_written(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            yield path.relative_to(folder).as_posix(), path.read_text(encoding="utf-8")


def _filled(registry: Registry, templates: Path) -> Iterator[tuple[str, str]]:
    book = Book(registry, templates)
    for kind in kinds():
        yield from import_module(f"{__name__}.{kind}").pages(book)
