"""A page for every relation between words, and the list of them by category."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from catalog.experiments import Curve
from catalog.ids import HeadName
from catalog.pictures.line_chart import draw_lines
from catalog.pictures.picture import Picture
from catalog.pictures.relation_map import draw_relation_map
from catalog.relation_checks import RelationAblation, RelationCheck
from catalog.relation_runs import SIGNS, RelationRun, Sign
from catalog.relations import Category
from catalog.site_pages._book import Book

N_SHOWN = 6
"""Pairs that a page shows before one asks for all of them."""
N_TOP = 10
N_TOP_UNCALLED = 5


@dataclass(frozen=True)
class _Part:
    """What a page says of a relation on one model."""

    run: RelationRun
    picture: Picture | None
    """None where the relation is not defined for the tokenizer."""
    best: list[tuple[HeadName, Sign]]
    check: RelationCheck | None
    ablated: Picture | None


def pages(book: Book) -> Iterator[tuple[str, str]]:
    """The list and every relation; see `catalog.site_pages`."""
    registry = book.registry
    by_category = {
        category: [relation for relation in registry.relations.values() if relation.category is category]
        for category in Category
    }
    runs = {
        name: {run.model.slug: run for run in registry.relation_runs if run.relation == name}
        for name in registry.relations
    }
    measured = {run.model.slug: run.model.name for run in registry.relation_runs}
    about_all = {"by_category": by_category, "runs": runs, "measured": measured}
    yield "relations/index.md", book.fill("relations", about_all)
    for relation in registry.relations.values():
        about = {
            "relation": relation,
            "parts": [_part(run, book) for run in runs[relation.id].values()],
            "papers": [registry.papers[name] for name in relation.papers if name in registry.papers],
            "shown": list(relation.targets.items())[:N_SHOWN],
        }
        yield f"relations/{relation.id}.md", book.fill("relation", about)


def _part(run: RelationRun, book: Book) -> _Part:
    about = (run.relation, run.model.slug)
    checks = (check for check in book.registry.relation_checks if (check.relation, check.model.slug) == about)
    check = next(checks, None)
    return _Part(
        run,
        draw_relation_map(run) if run.is_defined else None,
        _best(run) if run.is_defined else [],
        check,
        _draw_ablation(check.ablation) if check and check.ablation else None,
    )


def _best(run: RelationRun) -> list[tuple[HeadName, Sign]]:
    """Strongest called heads with either sign; where none is called, the highest scores."""
    both = [(name, sign) for sign in SIGNS for name in run.ranked(sign)]
    both.sort(key=lambda one: -run.score(*one))
    return [one for one in both if run.is_called(*one)][:N_TOP] or both[:N_TOP_UNCALLED]


def _draw_ablation(ablation: RelationAblation) -> Picture:
    """Accuracy without the first 0, 1, 2, ... heads of the relation, and without random heads."""
    steps = [float(n_off) for n_off in range(len(ablation.accuracies))]
    random = {0: ablation.baseline, ablation.n_off: ablation.control}
    return draw_lines(
        [
            Curve(name="best heads first", x=steps, y=list(ablation.accuracies)),
            Curve(name="random heads, mean", x=list(map(float, random)), y=list(random.values())),
        ],
        x_name="heads removed",
        y_name="accuracy",
        title="Accuracy as heads are removed",
        caption="Accuracy of the next word as more and more heads of the relation are removed at the last position; "
        f"of random heads {ablation.n_off} were removed at once.",
    )
