"""CSV of papers, one row each, for spreadsheets and data frames; lists in one cell are joined by "; ".

A cell that a spreadsheet would run as a formula gets an apostrophe in front, also where it has some already: without
the first one of such a cell the text is as it was.
"""

from __future__ import annotations

from collections.abc import Callable

from catalog.exporters import _citation, _csv
from catalog.exporters.base import Exporter
from catalog.models import Paper
from catalog.registry import Registry

SEPARATOR = "; "


def export(registry: Registry) -> str:
    """One CSV file with a row for every paper.

    Args:
        registry: What to export.

    Returns:
        The text of the file, with the line ends of RFC 4180.
    """
    return _csv.table(COLUMNS, ([value(paper) for value in COLUMNS.values()] for paper in registry.papers.values()))


def _arxiv(paper: Paper) -> str:
    """Id with a prefix: a spreadsheet reads 2209.11890 as a number and drops its zero."""
    return f"arXiv:{paper.arxiv_id}" if paper.arxiv_id else ""


COLUMNS: dict[str, Callable[[Paper], str]] = {
    "id": lambda paper: paper.id,
    "title": lambda paper: paper.title,
    "authors": lambda paper: SEPARATOR.join(paper.authors),
    "year": lambda paper: str(_citation.year(paper)),
    "date": lambda paper: paper.date,
    "date_basis": lambda paper: paper.date_basis,
    "arxiv": _arxiv,
    "doi": lambda paper: paper.doi or "",
    "venue": lambda paper: paper.venue or "",
    "licence": lambda paper: paper.licence or "",
    "link": lambda paper: str(paper.links.paper),
    "code": lambda paper: str(paper.links.code or ""),
    "project": lambda paper: str(paper.links.project or ""),
    "data": lambda paper: str(paper.links.data or ""),
    "head_types": lambda paper: SEPARATOR.join(paper.head_types),
    "models": lambda paper: SEPARATOR.join(paper.models),
    "methods": lambda paper: SEPARATOR.join(paper.tags.methods),
    "domains": lambda paper: SEPARATOR.join(paper.tags.domains),
    "modalities": lambda paper: SEPARATOR.join(paper.tags.modalities),
    "model_families": lambda paper: SEPARATOR.join(paper.tags.model_families),
    "facts_from": lambda paper: SEPARATOR.join(paper.facts_from),
    "n_claims": lambda paper: str(len(paper.claims)),
    "added": lambda paper: paper.added,
    "superseded_by": lambda paper: paper.superseded_by or "",
    "innovation": lambda paper: paper.summary.innovation,
    "tasks": lambda paper: paper.summary.tasks,
    "result": lambda paper: paper.summary.result,
    "written_by": lambda paper: paper.summary.written_by,
    "reviewed_by": lambda paper: paper.summary.reviewed_by or "",
}
"""Every column, in order, and how a paper fills it."""

EXPORTER = Exporter("Table of all papers, one row each (CSV)", "downloads/papers.csv", "text/csv", export)
