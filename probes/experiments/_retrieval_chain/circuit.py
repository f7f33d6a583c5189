"""The circuit at depth 3: which heads of a seed play its four parts, and what is left without each."""

from catalog.experiments import Metric
from catalog.ids import HeadName
from probes.experiments._retrieval_chain.bars import ABLATIONS
from probes.experiments._retrieval_chain.outcomes import Outcomes
from probes.experiments.base import Facts


def far_reader(one: Facts) -> str:
    """The last-layer head without which least of three links is left."""
    return min(_last_heads(one), key=lambda name: one["ablated"][name]["acc_3"])


def near_reader(one: Facts) -> str:
    """The other last-layer head; of several, that without which least of two links is left."""
    others = [name for name in _last_heads(one) if name != far_reader(one)]
    return min(others, key=lambda name: one["ablated"][name]["acc_2"])


def ranked(one: Facts, score: str) -> list[tuple[str, float]]:
    """Heads and their scores, the highest first.

    Args:
        one: Facts of a seed.
        score: Name of the score, such as "prev".

    Returns:
        Names and scores from 0 to 1.
    """
    scores = zip(one["heads"], one["scores"][score], strict=True)
    return sorted(scores, key=lambda scored: scored[1], reverse=True)


def ablation_metrics(outcomes: Outcomes) -> dict[str, Metric]:
    """Accuracies without the four heads.

    Args:
        outcomes: Facts of every seed, of depth 3.

    Returns:
        By name; see ABLATIONS.
    """
    values: dict[str, list[float]] = {}
    for one in outcomes.facts:
        for name, value in _left(one).items():
            values.setdefault(name, []).append(value)
    return {name: Metric.over_seeds(ABLATIONS[name], found) for name, found in values.items()}


def _left(one: Facts) -> dict[str, float]:
    without = one["ablated"]
    far, near = without[far_reader(one)], without[near_reader(one)]
    return {
        "acc_3_without_far_reader": far["acc_3"],
        "others_without_far_reader": min(far["acc_1"], far["acc_2"]),
        "acc_2_without_near_reader": near["acc_2"],
        "others_without_near_reader": min(near["acc_1"], near["acc_3"]),
        "best_without_jump_head": max(without[ranked(one, "jump")[0][0]].values()),
        "best_without_previous_token_head": max(without[ranked(one, "prev")[0][0]].values()),
    }


def _last_heads(one: Facts) -> list[str]:
    last = max(HeadName.parse(name).layer for name in one["heads"])
    return [name for name in one["heads"] if HeadName.parse(name).layer == last]
