"""Why a bar was missed: what the heads of the seeds that miss it show."""

from catalog.experiments import Bar, Metric
from probes.experiments._retrieval_chain.circuit import near_reader, ranked
from probes.experiments._retrieval_chain.outcomes import THRESHOLDS, Outcomes, events_of, step_of
from probes.experiments.base import Facts


def explained(bar: Bar, metric: Metric, outcomes: Outcomes) -> Bar:
    """A bar, and if it was missed what the heads say about why.

    Args:
        bar: The bar.
        metric: What it is about.
        outcomes: Facts of every seed.

    Returns:
        The bar with a remark; as it was if it is held, or if nothing is known to say.
    """
    if bar.is_held_by(metric):
        return bar
    if bar.metric == "order_slip":
        return _with(bar, [remark for one in outcomes.facts if (remark := _never_came(one, outcomes))])
    if bar.metric in {"acc_2_without_near_reader", "best_without_previous_token_head"}:
        say = _near_reader if bar.metric == "acc_2_without_near_reader" else _previous_token_heads
        missing = [
            (one, value) for one, value in zip(outcomes.facts, metric.by_seed, strict=True) if not bar.holds(value)
        ]
        return _with(bar, [f"seed {one['seed']} ({value:.2f}): {say(one)}" for one, value in missing])
    return bar


def _with(bar: Bar, remarks: list[str]) -> Bar:
    return bar.model_copy(update={"remark": "; ".join(remarks)}) if remarks else bar


def _never_came(one: Facts, outcomes: Outcomes) -> str | None:
    """Scores that no head of a solved seed ever reached."""
    events = [event for event in events_of(outcomes.task.depth) if event in one["curves"]]
    missing = [event for event in events if step_of(one, event, THRESHOLDS[0]) is None]
    if not one["is_solved"] or not missing:
        return None
    return f"seed {one['seed']} solves the task while {' and '.join(missing)} never exceeds {THRESHOLDS[0]} in any head"


def _near_reader(one: Facts) -> str:
    """Where the head looks from the query; a clean near reader attends to q1 alone."""
    name = near_reader(one)
    return f"{name} attends {dict(ranked(one, 'q1'))[name]:.2f} to q1 and {dict(ranked(one, 'q2'))[name]:.2f} to q2"


def _previous_token_heads(one: Facts) -> str:
    """The two heads that attend most to the previous token."""
    (first, most), (second, next_most) = ranked(one, "prev")[:2]
    return f"{first} has prev {most:.2f} and {second} {next_most:.2f}"
