"""What trainings on chains of facts come to: metrics, curves, tables, pictures and bars."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from catalog.experiments import Curve, Figure, Metric, Series, Table
from catalog.ids import HeadName
from probes.experiments._emergence import first_above, slip
from probes.experiments._retrieval_chain.bars import ABLATIONS, bars
from probes.experiments.base import Facts, Summary
from probes.tiny.reachability import layers_to_answer, published_bound
from probes.tiny.tasks.retrieval_chain import RetrievalChains

THRESHOLDS = (0.3, 0.5)
"""Scores from which a kind of head counts as there; the first one ranks the events."""

ACCURACY_THRESHOLDS = {"acc_1": 0.5}
LATER_ACCURACY = 0.9
"""Accuracies from which the first link, and every later one, counts as there."""

BUDGET = 2000
"""Steps within which a problem should be solved."""

DEEPEST = 17
"""Depth up to which the bounds are drawn."""


@dataclass(frozen=True)
class Outcomes:
    """The facts of all seeds, and what they are about."""

    task: RetrievalChains
    n_layers: int
    has_norms: bool
    n_steps: int
    facts: Sequence[Facts]

    @property
    def shown(self) -> Facts:
        """The first seed that was solved, or else the first one: it stands in the pictures of one model."""
        return next((one for one in self.facts if one["is_solved"]), self.facts[0])

    @property
    def accuracies(self) -> list[str]:
        """Names of the accuracies."""
        return [name for name in self.facts[0]["curves"] if name.startswith("acc_")]

    @property
    def is_of_the_circuit(self) -> bool:
        """Whether these are the models whose four heads the bars speak of."""
        return (self.task.depth, self.n_layers, self.task.targets) == (3, 3, "every link")


def summary(outcomes: Outcomes) -> Summary:
    """What trainings come to.

    Args:
        outcomes: Facts of every seed.

    Returns:
        The parts of the record.
    """
    metrics = _metrics(outcomes)
    wanted = bars(outcomes.task, outcomes.n_layers, len(outcomes.facts), set(metrics))
    return Summary(metrics, _series(outcomes), _tables(outcomes), _figures(outcomes), wanted)


def _metrics(outcomes: Outcomes) -> dict[str, Metric]:
    facts = outcomes.facts
    metrics = {
        name: Metric.over_seeds(f"Accuracy on {_links(name)} at the end", [one["curves"][name][-1] for one in facts])
        for name in outcomes.accuracies
    }
    solved = [float(one["is_solved"] and one["n_steps"] <= BUDGET) for one in facts]
    metrics["n_steps"] = Metric.over_seeds("Steps at which training ended", [one["n_steps"] for one in facts], "steps")
    metrics["is_solved"] = Metric.over_seeds(
        "Whether every accuracy exceeded 0.99", [float(one["is_solved"]) for one in facts]
    )
    metrics["is_solved_early"] = Metric.over_seeds(f"Whether it did within {BUDGET:,} steps", solved)
    slips = [_slip(outcomes, one) for one in facts if one["is_solved"]]
    if slips and outcomes.task.depth > 1:
        what = "Most steps by which something came too early for its order in a solved seed; never counts as the limit"
        metrics["order_slip"] = Metric(description=what, unit="steps", mean=max(slips))
    return metrics | (_ablation_metrics(outcomes) if outcomes.is_of_the_circuit else {})


def _links(accuracy: str) -> str:
    n_links = accuracy.removeprefix("acc_")
    return f"{n_links} link" if n_links == "1" else f"{n_links} links"


def _ablation_metrics(outcomes: Outcomes) -> dict[str, Metric]:
    """Accuracies without the four heads of the circuit at depth 3."""
    values: dict[str, list[float]] = {}
    for one in outcomes.facts:
        last = [name for name in one["heads"] if HeadName.parse(name).layer == outcomes.n_layers - 1]
        far = _best(one, "q2", last)
        near = _best(one, "q1", [name for name in last if name != far])
        without = one["ablated"]
        found = {
            "acc_3_without_far_reader": without[far]["acc_3"],
            "others_without_far_reader": min(without[far]["acc_1"], without[far]["acc_2"]),
            "acc_2_without_near_reader": without[near]["acc_2"],
            "others_without_near_reader": min(without[near]["acc_1"], without[near]["acc_3"]),
            "best_without_jump_head": max(without[_best(one, "jump", one["heads"])].values()),
            "best_without_previous_token_head": max(without[_best(one, "prev", one["heads"])].values()),
        }
        for name, value in found.items():
            values.setdefault(name, []).append(value)
    return {name: Metric.over_seeds(ABLATIONS[name], found) for name, found in values.items()}


def _best(one: Facts, score: str, among: Sequence[str]) -> str:
    """The head with the highest score."""
    scores = dict(zip(one["heads"], one["scores"][score], strict=True))
    return max(among, key=lambda name: scores[name])


def _events(depth: int) -> list[str]:
    """What should appear, in the order that is expected."""
    events = ["prev", "q1", "acc_1", "jump", "acc_2", "q2", "acc_3"]
    return events[: {1: 3, 2: 5}.get(depth, 7)]


def _slip(outcomes: Outcomes, one: Facts) -> int:
    order = [event for event in _events(outcomes.task.depth) if event in one["curves"] and event != "acc_1"]
    steps = {event: _step_of(one, event, THRESHOLDS[0]) for event in order}
    return slip(order, steps, outcomes.n_steps)


def _step_of(one: Facts, event: str, threshold: float) -> int | None:
    is_accuracy = event.startswith("acc_")
    wanted = ACCURACY_THRESHOLDS.get(event, LATER_ACCURACY) if is_accuracy else threshold
    return first_above(one["steps"], one["curves"][event], wanted)


def _emergence_rows(one: Facts, events: Sequence[str]) -> list[list[int | float | str | None]]:
    """For each event of a seed and each threshold its step and how many events came before it."""
    rows: list[list[int | float | str | None]] = [[one["seed"], event] for event in events]
    for threshold in THRESHOLDS:
        steps = [_step_of(one, event, threshold) for event in events]
        for row, step in zip(rows, steps, strict=True):
            earlier = None if step is None else sum(other is not None and other < step for other in steps)
            row += [step, earlier]
    return rows


def _series(outcomes: Outcomes) -> dict[str, Series]:
    shown = outcomes.shown
    events = [name for name in shown["curves"] if name.startswith(("acc_", "prev", "jump", "q")) and name != "qkey"]
    emergence = [Curve(name=name, x=shown["steps"], y=shown["curves"][name]) for name in events]
    accuracy = [
        Curve(name=name, seed=one["seed"], x=one["steps"], y=one["curves"][name])
        for one in outcomes.facts
        for name in outcomes.accuracies
    ]
    return {
        "emergence": Series(
            description=f"Highest score of any head, and accuracies, while seed {shown['seed']} was trained.",
            x_name="step",
            y_name="attention, accuracy",
            curves=emergence,
        ),
        "accuracy": Series(
            description="Accuracy by number of links while every seed was trained.",
            x_name="step",
            y_name="accuracy",
            curves=accuracy,
        ),
        "layers": _layers(),
    } | ({"by_links": _by_links(outcomes)} if len(outcomes.accuracies) > 1 else {})


def _by_links(outcomes: Outcomes) -> Series:
    n_links = [int(name.removeprefix("acc_")) for name in outcomes.accuracies]
    ends = [[one["curves"][name][-1] for name in outcomes.accuracies] for one in outcomes.facts]
    curves = [
        Curve(name="accuracy", seed=one["seed"], x=n_links, y=end)
        for one, end in zip(outcomes.facts, ends, strict=True)
    ]
    guessing = Curve(name="guessing among the ends", x=n_links, y=[1 / outcomes.task.n_chains] * len(n_links))
    return Series(
        description="Accuracy of every seed at the end, by number of links.",
        x_name="links to follow",
        y_name="accuracy",
        curves=[*curves, guessing],
    )


def _layers() -> Series:
    depths = range(1, DEEPEST + 1)
    bounds: dict[str, Callable[[int], float]] = {
        "causal, definitions first": partial(layers_to_answer, is_causal=True),
        "without a mask": partial(layers_to_answer, is_causal=False),
        "the paper's log3(2D)": published_bound,
    }
    return Series(
        description="Layers needed to reach the end of a chain, by our simulation, beside the bound of the paper.",
        x_name="facts in the chain, D",
        y_name="layers",
        curves=[
            Curve(name=name, x=list(depths), y=[round(float(bound(depth)), 4) for depth in depths])
            for name, bound in bounds.items()
        ],
    )


def _tables(outcomes: Outcomes) -> dict[str, Table]:
    shown = outcomes.shown
    scores, names = list(shown["scores"]), shown["heads"]
    line = _line_places(outcomes.task.depth)
    events = [name for name in _events(outcomes.task.depth) if name in shown["curves"]]
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


def _figures(outcomes: Outcomes) -> dict[str, Figure]:
    seed, depth = outcomes.shown["seed"], outcomes.task.depth
    by_links = Figure(
        kind="curves",
        source="by_links",
        title=f"Accuracy by links, D = {depth}, {outcomes.n_layers} layers",
        caption="Accuracy of every seed at the end by the number of links to follow, and guessing.",
    )
    return ({"by_links": by_links} if len(outcomes.accuracies) > 1 else {}) | {
        "emergence": Figure(
            kind="curves",
            source="emergence",
            title=f"Emergence, D = {depth}, {outcomes.n_layers} layers, seed {seed}",
            caption="Highest score of any head of each kind, and accuracy by number of links, over training.",
        ),
        "accuracy": Figure(
            kind="curves",
            source="accuracy",
            title=f"Accuracy, D = {depth}, {outcomes.n_layers} layers",
            caption="Accuracy by number of links over training, every seed.",
        ),
        "layers": Figure(
            kind="curves",
            source="layers",
            title="Layers that a chain needs",
            caption="Fewest layers in which the query can reach the end of a chain of D facts.",
        ),
        "circuit": Figure(
            kind="grid",
            source="circuit",
            title=f"Who reads whom in the queried chain, seed {seed}",
            caption="Mean attention of every head among the positions of the queried chain.",
            columns=["head", "from", "to", "attention"],
        ),
        "costs": Figure(
            kind="grid",
            source="costs",
            title=f"Accuracy without a head, seed {seed}",
            caption="Accuracy by number of links with the output of one head replaced by its mean.",
            columns=["without", "answer", "accuracy"],
        ),
    }
