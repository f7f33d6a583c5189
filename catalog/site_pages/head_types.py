"""A page for every head type, and the vocabulary."""

from __future__ import annotations

from collections.abc import Iterator

from catalog.models import BaseClaim, Paper
from catalog.site_pages._book import Book


def pages(book: Book) -> Iterator[tuple[str, str]]:
    """The vocabulary and every head type; see `catalog.site_pages`."""
    registry = book.registry
    yield "head-types/index.md", book.fill("head_types")
    for head_type in registry.head_types.values():
        about = {
            "head_type": head_type,
            "narrower": [other.id for other in registry.head_types.values() if head_type.id in other.broader],
            "papers": registry.papers_on(head_type.id),
            "runs": registry.runs_on(head_type.id),
            "relations": [one for one in registry.relations.values() if head_type.id in one.head_types],
            "claims_on": _claims_on,
        }
        yield f"head-types/{head_type.id}.md", book.fill("head_type", about)


def _claims_on(paper: Paper, head_type: str) -> list[BaseClaim]:
    return [claim for claim in paper.claims if claim.head_type == head_type]
