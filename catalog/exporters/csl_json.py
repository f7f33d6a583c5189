"""CSL-JSON of papers, for citation processors such as pandoc's and for Zotero."""

from __future__ import annotations

import json
from typing import Any

from catalog.exporters import _citation
from catalog.exporters.base import Exporter
from catalog.models import Paper
from catalog.registry import Registry
from catalog.texts import one_line

_TYPES = {
    _citation.Kind.ARTICLE: "article-journal",
    _citation.Kind.CONFERENCE: "paper-conference",
    _citation.Kind.WEB: "webpage",
    _citation.Kind.PREPRINT: "article",
}


def item(paper: Paper) -> dict[str, Any]:
    """CSL item of one paper.

    Args:
        paper: The paper.

    Returns:
        The item. Where the registry says nothing, it has no field.
    """
    fields = {
        "id": paper.id,
        "type": _TYPES[_citation.kind(paper)],
        "title": one_line(paper.title),
        "author": [_author(name) for name in paper.authors],
        "issued": {"date-parts": [_citation.date_parts(paper)]},
        "container-title": paper.venue and one_line(paper.venue),
        "archive": "arXiv" if paper.arxiv_id else None,
        "archive_location": paper.arxiv_id,
        "DOI": paper.doi and one_line(paper.doi),
        "URL": str(paper.links.paper),
        "keyword": ", ".join(_citation.keywords(paper)),
    }
    return {name: value for name, value in fields.items() if value}


def export(registry: Registry) -> str:
    """One CSL-JSON file with all papers.

    Args:
        registry: What to export.

    Returns:
        The text of the file.
    """
    return json.dumps([item(paper) for paper in registry.papers.values()], ensure_ascii=False, indent=2) + "\n"


def _author(name: str) -> dict[str, str]:
    parts = _citation.split_name(name)
    return {field: value for field, value in parts._asdict().items() if value} if parts.given else {"literal": parts[0]}


EXPORTER = Exporter(
    "CSL-JSON of all papers, for citation processors",
    "downloads/papers.csl.json",
    "application/vnd.citationstyles.csl+json",
    export,
)
