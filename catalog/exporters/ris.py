"""RIS of papers, for reference managers: one tag a line."""

from __future__ import annotations

from collections.abc import Iterator

from catalog.exporters import _citation
from catalog.exporters.base import Exporter
from catalog.models import Paper
from catalog.registry import Registry
from catalog.texts import one_line

_TYPES = {
    _citation.Kind.ARTICLE: "JOUR",
    _citation.Kind.CONFERENCE: "CONF",
    _citation.Kind.WEB: "ELEC",
    _citation.Kind.PREPRINT: "UNPB",
}


def entry(paper: Paper) -> str:
    """RIS record of one paper.

    Args:
        paper: The paper.

    Returns:
        The record, ended by ER. Where the registry says nothing, the record has no line.
    """
    lines = (f"{tag}  - {one_line(value)}" for tag, value in _fields(paper) if value)
    return "".join(f"{line}\n" for line in lines) + "ER  - \n"


def export(registry: Registry) -> str:
    """One RIS file with all papers.

    Args:
        registry: What to export.

    Returns:
        The text of the file.
    """
    return "\n".join(entry(paper) for paper in registry.papers.values())


def _fields(paper: Paper) -> Iterator[tuple[str, str | None]]:
    yield "TY", _TYPES[_citation.kind(paper)]
    yield "ID", paper.id
    yield "TI", paper.title
    for name in paper.authors:
        yield "AU", ", ".join(part for part in _citation.split_name(name) if part)
    yield "PY", str(_citation.year(paper))
    yield "DA", _date(_citation.date_parts(paper))
    yield "T2", paper.venue
    yield "DO", paper.doi
    yield "AN", paper.arxiv_id and f"arXiv:{paper.arxiv_id}"
    yield "UR", str(paper.links.paper)
    for word in _citation.keywords(paper):
        yield "KW", word


def _date(parts: list[int]) -> str:
    """Year, month and day with a slash after each, also where one is not known."""
    padded = [f"{part:02d}" for part in parts] + [""] * (3 - len(parts))
    return "".join(f"{part}/" for part in padded)


EXPORTER = Exporter(
    "RIS of all papers, for reference managers", "downloads/papers.ris", "application/x-research-info-systems", export
)
