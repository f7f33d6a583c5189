"""The first page."""

from __future__ import annotations

from collections.abc import Iterator

from catalog.registry import Registry
from catalog.runs import ProbeRun
from catalog.site_pages._book import Book


def pages(book: Book) -> Iterator[tuple[str, str]]:
    """The first page; see `catalog.site_pages`."""
    registry = book.registry
    about = {
        "n_claims": sum(len(paper.claims) for paper in registry.papers.values()),
        "best": _best_run(registry),
        "measured": sorted({run.head_type for run in registry.runs}),
    }
    yield "index.md", book.fill("home", about, root="")


def _best_run(registry: Registry) -> ProbeRun | None:
    """Run for the first page: the head type with most models, then most papers; there, the model with most heads."""

    def weight(run: ProbeRun) -> tuple[int, int, int]:
        n_models = len({other.model.slug for other in registry.runs_on(run.head_type)})
        return n_models, len(registry.papers_on(run.head_type)), run.model.n_layers * run.model.n_heads

    return max(registry.runs, key=weight, default=None)
