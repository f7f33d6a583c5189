"""What trainings on chains of facts come to: metrics, curves, tables, pictures and bars."""

from catalog.experiments import Figure, Metric
from probes.experiments._emergence import slip
from probes.experiments._retrieval_chain.bars import TIE, bars
from probes.experiments._retrieval_chain.circuit import ablation_metrics
from probes.experiments._retrieval_chain.outcomes import THRESHOLDS, Outcomes, events_of, step_of
from probes.experiments._retrieval_chain.remarks import explained
from probes.experiments._retrieval_chain.series import series_of
from probes.experiments._retrieval_chain.tables import tables_of
from probes.experiments.base import Facts, Summary

KINDS = (
    "Mean attention: prev, from the value of a fact to its key; same, from a value to the earlier key with the same "
    "token; jump, from a value to the value that belongs to this key; qkey, from the query to its key; q1, q2 and so "
    "on, from the query to the value so many links on."
)

BUDGET = 2000
"""Steps within which a problem should be solved."""


def summary(outcomes: Outcomes) -> Summary:
    """What trainings come to.

    Args:
        outcomes: Facts of every seed.

    Returns:
        The parts of the record.
    """
    metrics = _metrics(outcomes)
    wanted = bars(outcomes.task, outcomes.n_layers, len(outcomes.facts), set(metrics))
    judged = [explained(bar, metrics[bar.metric], outcomes) for bar in wanted]
    return Summary(metrics, series_of(outcomes), tables_of(outcomes), _figures(outcomes), judged)


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
        kept = [float(steps <= TIE) for steps in slips]
        what = f"Whether all came in order in a solved seed, swaps within {TIE} steps allowed"
        is_whole = len(kept) == len(facts)
        metrics["order_kept"] = (
            Metric.over_seeds(what, kept) if is_whole else Metric(description=what, mean=sum(kept) / len(kept))
        )
    return metrics | (ablation_metrics(outcomes) if outcomes.is_of_the_circuit else {})


def _links(accuracy: str) -> str:
    n_links = accuracy.removeprefix("acc_")
    return f"{n_links} link" if n_links == "1" else f"{n_links} links"


def _slip(outcomes: Outcomes, one: Facts) -> int:
    order = [event for event in events_of(outcomes.task.depth) if event in one["curves"] and event != "acc_1"]
    steps = {event: step_of(one, event, THRESHOLDS[0]) for event in order}
    return slip(order, steps, outcomes.n_steps)


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
            caption=f"Accuracy by number of links and the best score of any head of each kind over training. {KINDS}",
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
