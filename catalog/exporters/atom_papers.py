"""Atom feed of new papers, by the day on which they joined the catalogue."""

from __future__ import annotations

from datetime import UTC, datetime

from catalog.exporters._atom import Entry, feed
from catalog.exporters.base import Exporter
from catalog.models import Paper
from catalog.registry import Registry
from catalog.texts import authorship

_PATH = "downloads/papers.atom.xml"


def export(registry: Registry) -> str:
    """The feed; entries that others replace are left out.

    Args:
        registry: What to export.

    Returns:
        XML.
    """
    papers = (paper for paper in registry.papers.values() if not paper.superseded_by)
    return feed("papers", "HeadAtlas: new papers on attention heads", _PATH, map(_entry, papers))


def _entry(paper: Paper) -> Entry:
    return Entry(
        name=f"papers/{paper.id}",
        title=paper.title,
        summary=_summary(paper),
        updated=datetime.fromisoformat(paper.added).replace(tzinfo=UTC),
        page=f"papers/{paper.id}.html",
        related=str(paper.links.paper),
        categories=paper.head_types,
    )


def _summary(paper: Paper) -> str:
    summary = paper.summary
    return (
        f"{paper.short_citation}. New: {summary.innovation} Done: {summary.tasks} Found: {summary.result} "
        f"({authorship(summary)})"
    )


EXPORTER = Exporter("Feed of new papers (Atom)", _PATH, "application/atom+xml", export)
