"""Heads together: votes, subsets, and what it takes to weigh them."""

from itertools import combinations
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from probes.experiments._counting.accuracy import area, end_accuracy, label_accuracy, sentence_accuracy
from probes.experiments._counting.readings import Readings, margin

MOST_SUBSETS = 70
"""Subsets of one size that are looked at; more are drawn at random."""

N_REWEIGHTED = 20
"""Draws of random weights."""

FIT_STEPS = 200


def answers(logits: Float[Tensor, "string query d_vocab"], readings: Readings) -> dict[str, float]:
    """How well logits answer.

    Args:
        logits: Shape (string, query, d_vocab).
        readings: Say what is right.

    Returns:
        AUC and accuracies.
    """
    margins = margin(logits[:, 0])
    return {
        "auc": area(margins, readings.is_yes),
        "label_accuracy": label_accuracy(margins, readings.is_yes),
        "end_accuracy": end_accuracy(logits, readings.targets),
        "sentence_accuracy": sentence_accuracy(logits, readings.targets),
    }


def full_facts(readings: Readings) -> dict[str, float]:
    """How well the whole model answers; see answers."""
    return answers(readings.direct + readings.heads.sum(2), readings)


def vote_accuracy(readings: Readings) -> float:
    """Share of strings that most heads answer rightly by themselves; a draw counts as [NO].

    Args:
        readings: Of a model.

    Returns:
        From 0 to 1.
    """
    return label_accuracy(readings.margins.sign().sum(1), readings.is_yes)


def subset_facts(readings: Readings) -> list[dict[str, float]]:
    """Means over the subsets of each size, with the direct path kept.

    Args:
        readings: Of a model.

    Returns:
        One dictionary a size, from 1 to all heads.
    """
    generator = torch.Generator().manual_seed(0)
    facts = []
    for size in range(1, readings.n_heads + 1):
        subsets = list(combinations(range(readings.n_heads), size))
        if len(subsets) > MOST_SUBSETS:
            subsets = [subsets[i] for i in torch.randperm(len(subsets), generator=generator)[:MOST_SUBSETS]]
        found = [answers(readings.direct + readings.heads[:, :, list(subset)].sum(2), readings) for subset in subsets]
        facts.append({name: sum(each[name] for each in found) / len(found) for name in found[0]} | {"size": size})
    return facts


def aggregation_facts(readings: Readings) -> dict[str, Any]:
    """Whether one weight for all heads is enough, and what random weights do.

    Args:
        readings: Of a model.

    Returns:
        Accuracy of the sentence on the half that was not fitted, with contributions scaled to unit mean square: with
        one shared weight, and with one weight a head; and answers under random log-normal weights, on average.
    """
    is_fitted = torch.arange(len(readings.targets)) % 2 == 0
    rms = readings.heads.square().mean((0, 1, 3), keepdim=True).sqrt()
    scaled = Readings(readings.heads / rms, readings.direct, readings.targets, [])
    return {
        "shared_weight": _fitted(scaled, is_fitted, n_weights=1),
        "weight_per_head": _fitted(scaled, is_fitted, n_weights=readings.n_heads),
        "reweighted": _reweighted(readings),
    }


def _fitted(readings: Readings, is_fitted: Tensor, n_weights: int) -> dict[str, float]:
    """Weights fitted by cross-entropy on some strings, tested on the others."""
    known, unknown = readings.only(is_fitted), readings.only(~is_fitted)
    weights = torch.ones(n_weights, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=FIT_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = torch.nn.functional.cross_entropy(_weighted(known, weights).flatten(0, 1), known.targets.flatten())
        value.backward()
        return value

    optimizer.step(loss)
    return answers(_weighted(unknown, weights.detach()), unknown)


def _weighted(readings: Readings, weights: Tensor) -> Tensor:
    return readings.direct + (readings.heads * weights[:, None]).sum(2)


def _reweighted(readings: Readings) -> dict[str, float]:
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(N_REWEIGHTED, readings.n_heads, generator=generator).exp()
    found = [answers(_weighted(readings, weights), readings) for weights in draws]
    return {name: sum(each[name] for each in found) / len(found) for name in found[0]}
