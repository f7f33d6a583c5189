"""What a head counts when its attention or its values are exchanged: does where it looks matter, or what it reads?"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from probes.experiments._counting.accuracy import area, best_accuracy
from probes.experiments._counting.readings import Readings, Rows
from probes.tiny.tasks.counting import ONE, TWO, ZERO

Attention = Callable[[Rows, int], Float[Tensor, "batch pos"]]
Values = Callable[[Rows, int], Float[Tensor, "batch pos"]]


def own_attention(rows: Rows, head: int) -> Float[Tensor, "batch pos"]:
    """The head's own attention."""
    return rows.pattern[:, head]


def own_values(rows: Rows, head: int) -> Float[Tensor, "batch pos"]:
    """The head's own margin at each position."""
    return rows.values[:, head]


def ideal_attention(rows: Rows, _head: int) -> Float[Tensor, "batch pos"]:
    """Equal on every 0 and 1 and nothing elsewhere; a string of 2s alone gets none."""
    is_counted = ((rows.tokens == ZERO) | (rows.tokens == ONE)).float()
    return is_counted / is_counted.sum(-1, keepdim=True).clamp(min=1)


def ideal_values(rows: Rows, _head: int) -> Float[Tensor, "batch pos"]:
    """1 for a 1, -1 for a 0, nothing for all else."""
    return (rows.tokens == ONE).float() - (rows.tokens == ZERO).float()


def without_twos(rows: Rows, head: int) -> Float[Tensor, "batch pos"]:
    """The head's own attention with w_02 set to 0."""
    return rows.scores[:, head].masked_fill(rows.tokens == TWO, -math.inf).softmax(-1)


def balanced(log_w_01: float) -> Attention:
    """The head's own attention with w_01 set to 1.

    Args:
        log_w_01: What it is in this head.

    Returns:
        The attention.
    """
    return lambda rows, head: (rows.scores[:, head] - log_w_01 * (rows.tokens == ONE)).softmax(-1)


def margins(readings: Readings, head: int, attention: Attention, values: Values) -> Float[Tensor, " string"]:
    """Margin of a head under some attention and some values.

    Args:
        readings: Of a model.
        head: The head.
        attention: Where it looks.
        values: What it reads there.

    Returns:
        Shape (string,).
    """
    return torch.cat([(attention(rows, head) * values(rows, head)).sum(-1) for rows in readings.rows])


def intervention_facts(readings: Readings, heads: Sequence[dict[str, Any]]) -> list[dict[str, float]]:
    """AUC and best accuracy of every head under every intervention.

    Args:
        readings: Of a model.
        heads: What head_facts noted of them.

    Returns:
        One dictionary a head: "<intervention>_auc" and "<intervention>_best".
    """
    facts = []
    for noted in heads:
        ways: dict[str, tuple[Attention, Values]] = {
            "own": (own_attention, own_values),
            "balanced": (balanced(noted["log_w_01"]), own_values),
            "without_twos": (without_twos, own_values),
            "ideal_attention": (ideal_attention, own_values),
            "ideal_values": (own_attention, ideal_values),
        }
        results: dict[str, float] = {}
        for name, (attention, values) in ways.items():
            given = margins(readings, noted["head"], attention, values)
            results[f"{name}_auc"] = area(given, readings.is_yes)
            results[f"{name}_best"] = best_accuracy(given, readings.is_yes)
        facts.append(results)
    return facts


def swap_facts(readings: Readings) -> dict[str, Any]:
    """AUC with the attention of one head and the values of another, and what the rows and columns explain of it.

    Args:
        readings: Of a model.

    Returns:
        The grid of max(AUC, 1 - AUC), rows by attention and columns by values, and their shares of its variance.
    """
    n_heads = readings.n_heads
    grid = torch.empty(n_heads, n_heads, dtype=torch.float64)
    for i in range(n_heads):
        for j in range(n_heads):
            mixed = torch.cat([(rows.pattern[:, i] * rows.values[:, j]).sum(-1) for rows in readings.rows])
            auc = area(mixed, readings.is_yes)
            grid[i, j] = max(auc, 1 - auc)
    total = float(grid.var(correction=0))
    shares = [float(grid.mean(axis).var(correction=0)) / total if total > 0 else 0.0 for axis in (1, 0)]
    return {"grid": grid.tolist(), "attention_share": shares[0], "value_share": shares[1]}
