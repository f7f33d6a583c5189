"""Exporters, one file a format; found because of where they lie, imported only when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.errors import UnknownIdError
from catalog.plugins import names_in

if TYPE_CHECKING:
    from catalog.exporters.base import Exporter
    from catalog.registry import Registry


def names() -> list[str]:
    """Names of all formats, in alphabetical order; nothing is imported.

    Returns:
        The names.
    """
    return names_in(Path(__file__).parent)


def load(name: str) -> Exporter:
    """Exporter of one format.

    Args:
        name: Such as "bibtex".

    Returns:
        The exporter.

    Raises:
        UnknownIdError: there is none; names the nearest ones.
    """
    if name not in names():
        raise UnknownIdError("export format", name, names())
    exporter: Exporter = import_module(f"catalog.exporters.{name}").EXPORTER
    return exporter


def site_files(registry: Registry) -> Iterator[tuple[str, str]]:
    """All formats, as the site offers them.

    Args:
        registry: What to export.

    Yields:
        Path below the site's address, such as "downloads/papers.bib", and the text of the file.
    """
    for exporter in map(load, names()):
        yield exporter.path, exporter.export(registry)
