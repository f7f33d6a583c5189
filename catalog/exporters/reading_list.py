"""Reading list by year in Markdown, newest first, as READMEs of paper lists have it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from catalog.exporters import _markdown
from catalog.exporters.base import Exporter
from catalog.models import Paper
from catalog.registry import Registry


def export(registry: Registry) -> str:
    """The reading list; entries that others replace are left out.

    Args:
        registry: What to export.

    Returns:
        The text of the file.
    """
    return "\n".join(_lines(registry)) + "\n"


def _lines(registry: Registry) -> Iterator[str]:
    current = (paper for paper in registry.papers.values() if not paper.superseded_by)
    papers = sorted(current, key=lambda paper: (paper.date, paper.id), reverse=True)
    yield "# Papers on attention heads"
    yield ""
    yield f"{len(papers)} papers by the year of their first public version, newest first."
    for year, group in groupby(papers, key=lambda paper: paper.year):
        yield from ("", f"## {year}", "")
        yield from (_line(registry, paper) for paper in group)


def _line(registry: Registry, paper: Paper) -> str:
    links = {"code": paper.links.code, "project": paper.links.project, "data": paper.links.data}
    parts = [
        f"**{_markdown.link(paper.title, str(paper.links.paper))}**",
        _markdown.text(", ".join(part for part in (paper.short_citation, paper.venue) if part)),
        *(_markdown.link(name, str(address)) for name, address in links.items() if address),
    ]
    heads = ", ".join(registry.head_types[name].name for name in paper.head_types if name in registry.head_types)
    return f"- {' · '.join(parts)}" + (f" · *{_markdown.text(heads)}*" if heads else "")


EXPORTER = Exporter("Reading list by year (Markdown)", "downloads/reading-list.md", "text/markdown", export)
