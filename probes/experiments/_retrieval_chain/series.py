"""Curves of trainings on chains of facts, and of the layers that a chain needs."""

from collections.abc import Callable
from functools import partial

from catalog.experiments import Curve, Series
from probes.experiments._retrieval_chain.outcomes import Outcomes
from probes.tiny.reachability import layers_to_answer, published_bound

DEEPEST = 17
"""Depth up to which the bounds are drawn."""


def series_of(outcomes: Outcomes) -> dict[str, Series]:
    """All curves.

    Args:
        outcomes: Facts of every seed.

    Returns:
        By name.
    """
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
        "causal": partial(layers_to_answer, is_causal=True),
        "without a mask": partial(layers_to_answer, is_causal=False),
        "paper: log3(2D)": published_bound,
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
