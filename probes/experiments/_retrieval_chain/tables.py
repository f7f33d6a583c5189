"""Tables of trainings on chains of facts."""

from collections.abc import Sequence
from typing import Any

from catalog.experiments import Table
from probes.experiments._retrieval_chain.outcomes import THRESHOLDS, Outcomes, events_of, step_of
from probes.experiments.base import Facts


def tables_of(outcomes: Outcomes) -> dict[str, Table]:
    """All tables.

    Args:
        outcomes: Facts of every seed.

    Returns:
        By name.
    """
    shown = outcomes.shown
    scores, names = list(shown["scores"]), shown["heads"]
    line = _line_places(outcomes.task.depth)
    events = [name for name in events_of(outcomes.task.depth) if name in shown["curves"]]
    return {
        "heads": Table(
            description="Mean attention of every head of every seed.",
            columns=["seed", "head", *scores],
            rows=[
                [one["seed"], name, *(one["scores"][score][place] for score in scores)]
                for one in outcomes.facts
                for place, name in enumerate(one["heads"])
            ],
        ),
        "ablations": Table(
            description="Accuracy of every seed without each head.",
            columns=["seed", "head", *outcomes.accuracies],
            rows=[
                [one["seed"], name, *(round(value, 4) for value in without.values())]
                for one in outcomes.facts
                for name, without in one["ablated"].items()
            ],
        ),
        "emergence": Table(
            description="Step of the evaluation at which each thing was first there, empty if it never was, and how "
            "many came before it.",
            columns=["seed", "event", *(f"{word} at {level}" for level in THRESHOLDS for word in ("step", "earlier"))],
            rows=[row for one in outcomes.facts for row in _emergence_rows(one, events)],
        ),
        "circuit": Table(
            description=f"Mean attention among the positions of the queried chain, seed {shown['seed']}.",
            columns=["head", "from", "to", "attention"],
            rows=_pairs(names, line, shown["line"]),
        ),
        "costs": Table(
            description=f"Accuracy without each head, seed {shown['seed']}.",
            columns=["without", "answer", "accuracy"],
            rows=[
                [name, answer, round(value, 4)]
                for name, without in shown["ablated"].items()
                for answer, value in without.items()
            ],
        ),
    }


def _line_places(depth: int) -> list[str]:
    """Names of the positions of the queried chain in the order in which they are read."""
    return [f"{part}{fact}" for fact in reversed(range(depth)) for part in ("key ", "value ")] + ["query"]


def _pairs(names: Sequence[str], places: Sequence[str], attention: Sequence[Sequence[float]]) -> list[list[Any]]:
    """One row for every head and every pair of places of which the second is not read later."""
    size = len(places)
    return [
        [name, places[at], places[to], row[at * size + to]]
        for name, row in zip(names, attention, strict=True)
        for at in range(size)
        for to in range(at + 1)
    ]


def _emergence_rows(one: Facts, events: Sequence[str]) -> list[list[int | float | str | None]]:
    """For each event of a seed and each threshold its step and how many events came before it."""
    rows: list[list[int | float | str | None]] = [[one["seed"], event] for event in events]
    for threshold in THRESHOLDS:
        steps = [step_of(one, event, threshold) for event in events]
        for row, step in zip(rows, steps, strict=True):
            earlier = None if step is None else sum(other is not None and other < step for other in steps)
            row += [step, earlier]
    return rows
