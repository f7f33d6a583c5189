"""A page for every paper, and a list of them, newest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from catalog.models import BaseClaim, HeadsClaim, Paper
from catalog.registry import Registry
from catalog.related import related
from catalog.site_pages._book import N_CLAIMS_OPEN, Book


def pages(book: Book) -> Iterator[tuple[str, str]]:
    """The list and every paper; see `catalog.site_pages`."""
    registry = book.registry
    yield "papers/index.md", book.fill("papers", {"papers": _newest_first(registry.papers.values())})
    nearest = related(registry)
    for paper in registry.papers.values():
        about = {
            "paper": paper,
            "runs": [run for head_type in paper.head_types for run in registry.runs_on(head_type)],
            "nearest": nearest.get(paper.id, []),
            "claim_groups": _claim_groups(paper),
            "detector": _first_detector(registry, paper),
        }
        yield f"papers/{paper.id}.md", book.fill("paper", about)


def _newest_first(papers: Iterable[Paper]) -> list[Paper]:
    return sorted(papers, key=lambda paper: (paper.date, paper.id), reverse=True)


def _first_detector(registry: Registry, paper: Paper) -> str | None:
    known = (registry.head_types[name] for name in paper.head_types if name in registry.head_types)
    return next((detector for head_type in known for detector in head_type.detectors), None)


def _claim_groups(paper: Paper) -> list[tuple[tuple[str, str] | None, list[BaseClaim]]]:
    """Claims of a paper to be shown one by one (group None), then those to be folded up by head type and model."""
    named = [claim for claim in paper.claims if isinstance(claim, HeadsClaim)]
    if len(named) <= N_CLAIMS_OPEN:
        return [(None, list(paper.claims))]
    groups: dict[tuple[str, str] | None, list[BaseClaim]] = {
        None: [claim for claim in paper.claims if not isinstance(claim, HeadsClaim)]
    }
    for claim in named:
        groups.setdefault((claim.head_type, claim.model), []).append(claim)
    return list(groups.items())
