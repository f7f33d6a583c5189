"""What trainings on repeated tokens come to: metrics, curves, tables and pictures."""

from collections.abc import Sequence

from catalog.experiments import Curve, Figure, Metric, Series, Table
from probes.experiments._emergence import first_above, first_below
from probes.experiments.base import Facts, Summary

DETECTORS = ("previous_token", "induction")
"""Detectors that read the finished model."""

THERE = 0.5
"""Share of its final score from which a head counts as formed, and of its fall at which the loss counts as fallen."""

EARLY, LATE = 0.9, 0.1
"""Shares of its fall that the loss has left where the phase change begins and ends."""

DECIMALS = 4


def summary(facts: Sequence[Facts]) -> Summary:
    """What trainings come to.

    Args:
        facts: Of every seed.

    Returns:
        The parts of the record.
    """
    return Summary(
        _metrics(facts),
        {"phase_change": _phase_change(facts[0]), "losses": _losses(facts)},
        {"heads": _heads(facts)},
        {
            "phase_change": Figure(
                kind="curves",
                source="phase_change",
                title=f"Phase change, seed {facts[0]['seed']}",
                caption="Previous-token and induction scores, K-composition of the two heads, and the loss on tokens "
                "that an earlier occurrence gives away, over training.",
            ),
            "losses": Figure(
                kind="curves",
                source="losses",
                title="Loss on known tokens",
                caption="Loss on tokens that an earlier occurrence gives away, every seed.",
            ),
        },
    )


def _falls_to(one: Facts, share: float) -> int:
    """Step at which the loss on known tokens first has no more than a share of its fall left."""
    curve = one["curves"]["known_loss"]
    low, high = min(curve), curve[0]
    step = first_below(one["steps"], curve, low + share * (high - low))
    assert step is not None, "the lowest loss is below every such level"
    return step


def _forms(one: Facts, kind: str) -> int:
    """Step at which a score first reaches so much of its final value."""
    curve = one["curves"][kind]
    step = first_above(one["steps"], curve, THERE * curve[-1])
    assert step is not None, "the last evaluation is above its own half"
    return step


def _metrics(facts: Sequence[Facts]) -> dict[str, Metric]:
    descriptions = {
        "known_loss": ("Loss on tokens that an earlier occurrence gives away", "nats"),
        "unknown_loss": ("Loss on all other tokens", "nats"),
        "prev": ("Previous-token score of the best head of the first layer", None),
        "induction": ("Induction score of the best head of the last layer", None),
        "k_composition": ("K-composition of these two heads", None),
        "k_baseline": ("K-composition of random circuits of the same shapes", None),
    }
    found = {
        name: Metric.over_seeds(f"{words} at the end", [one["curves"][name][-1] for one in facts], unit)
        for name, (words, unit) in descriptions.items()
        if name in facts[0]["curves"]
    }
    steps = {
        "change_begins": ("Step at which the loss has 90 % of its fall left", [_falls_to(one, EARLY) for one in facts]),
        "change_ends": ("Step at which it has 10 % left", [_falls_to(one, LATE) for one in facts]),
        "prev_forms": ("Step at which the previous-token score has half its final value", _form(facts, "prev")),
        "induction_forms": ("Step at which the induction score has half its final value", _form(facts, "induction")),
        "arrival_gap": (
            "Steps from half of the induction score to half of the fall of the loss, either way",
            _gaps(facts),
        ),
    }
    found |= {name: Metric.over_seeds(words, values, "steps") for name, (words, values) in steps.items()}
    found["n_called"] = Metric.over_seeds(
        "Heads that the induction detector calls", [len(one["called"]["induction"]) for one in facts], "heads"
    )
    found["is_called"] = Metric.over_seeds(
        "Whether the detectors call the best previous-token and the best induction head",
        [float(_is_called(one)) for one in facts],
    )
    return found


def _form(facts: Sequence[Facts], kind: str) -> list[int]:
    return [_forms(one, kind) for one in facts]


def _gaps(facts: Sequence[Facts]) -> list[int]:
    return [abs(_forms(one, "induction") - _falls_to(one, THERE)) for one in facts]


def _is_called(one: Facts) -> bool:
    called = one["called"]
    return one["best"]["prev"] in called["previous_token"] and one["best"]["induction"] in called["induction"]


def _phase_change(one: Facts) -> Series:
    names = {
        "prev": "previous-token score",
        "induction": "induction score",
        "k_composition": "K-composition",
        "k_baseline": "K-composition of random circuits",
    }
    curves = {words: one["curves"][name] for name, words in names.items() if name in one["curves"]}
    loss = one["curves"]["known_loss"]
    curves["loss on known tokens, share of its start"] = [round(value / loss[0], DECIMALS) for value in loss]
    return Series(
        description=f"Heads {one['best']['prev']} and {one['best']['induction']} of seed {one['seed']} over training.",
        x_name="step",
        y_name="attention, composition, share of the loss",
        curves=[Curve(name=name, x=one["steps"], y=values) for name, values in curves.items()],
    )


def _losses(facts: Sequence[Facts]) -> Series:
    return Series(
        description="Loss on tokens that an earlier occurrence gives away.",
        x_name="step",
        y_name="loss in nats",
        curves=[
            Curve(name="known tokens", seed=one["seed"], x=one["steps"], y=one["curves"]["known_loss"]) for one in facts
        ],
    )


def _heads(facts: Sequence[Facts]) -> Table:
    return Table(
        description="Best heads of every seed in the end, the rank of their K-composition among all pairs, and what "
        "the detectors call.",
        columns=[
            "seed",
            "previous-token head",
            "induction head",
            "rank of K",
            *(f"called {name}" for name in DETECTORS),
        ],
        rows=[
            [
                one["seed"],
                one["best"]["prev"],
                one["best"]["induction"],
                one["k_rank"],
                *(", ".join(one["called"][name]) or None for name in DETECTORS),
            ]
            for one in facts
        ],
    )
