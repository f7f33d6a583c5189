"""Each head by itself: how well it counts, what it attends to and what it makes of it."""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from probes.experiments._counting.accuracy import area, best_accuracy, label_accuracy, sentence_accuracy
from probes.experiments._counting.readings import Readings, margin
from probes.tiny.tasks.counting import BOS, EOS, NO, ONE, SEP, TWO, YES, ZERO

READ_TOKENS = {"BOS": BOS, "0": ZERO, "1": ONE, "2": TWO, "SEP": SEP}
"""What the separator can attend to."""


def head_facts(readings: Readings) -> list[dict[str, Any]]:
    """What is noted of every head.

    Args:
        readings: Of a model.

    Returns:
        One dictionary a head; value_balance is None where a head reads both symbols as the same answer.
    """
    scores, values = _by_token(readings, "scores"), _by_token(readings, "values")
    full = readings.direct + readings.heads.sum(2)
    return [
        {
            "head": head,
            **_solo(readings, head),
            **_left_out(readings, full, head),
            **_attention(scores[head]),
            "value_balance": _balance(values[head]),
            "values": {name: float(values[head, token]) for name, token in READ_TOKENS.items()},
            "end_margin": float(_end_margin(readings.heads[:, 1, head]).mean()),
        }
        for head in range(readings.n_heads)
    ]


def _solo(readings: Readings, head: int) -> dict[str, float]:
    alone, is_yes = readings.heads[:, :, head], readings.is_yes
    with_direct = readings.direct + alone
    return {
        "auc": area(margin(alone[:, 0]), is_yes),
        "label_accuracy": label_accuracy(margin(alone[:, 0]), is_yes),
        "best_accuracy": best_accuracy(margin(alone[:, 0]), is_yes),
        "sentence_accuracy": sentence_accuracy(alone, readings.targets),
        "label_accuracy_with_direct": label_accuracy(margin(with_direct[:, 0]), is_yes),
        "sentence_accuracy_with_direct": sentence_accuracy(with_direct, readings.targets),
    }


def _left_out(readings: Readings, full: Tensor, head: int) -> dict[str, float]:
    """The model without one head: its output replaced by nothing, or by its mean over the strings."""
    alone = readings.heads[:, :, head]
    zeroed, averaged = full - alone, full - alone + alone.mean(0)
    return {
        "left_out_zero_label_accuracy": label_accuracy(margin(zeroed[:, 0]), readings.is_yes),
        "left_out_zero_sentence_accuracy": sentence_accuracy(zeroed, readings.targets),
        "left_out_mean_label_accuracy": label_accuracy(margin(averaged[:, 0]), readings.is_yes),
        "left_out_mean_sentence_accuracy": sentence_accuracy(averaged, readings.targets),
    }


def _attention(scores: Float[Tensor, " d_vocab"]) -> dict[str, float]:
    """w_01: attention to a 1 over that to a 0; w_02: attention to a 2 over that to a counted symbol."""
    zero, one, two = (float(scores[token]) for token in (ZERO, ONE, TWO))
    highest = max(zero, one)
    counted = highest + math.log((math.exp(zero - highest) + math.exp(one - highest)) / 2)
    return {"log_w_01": one - zero, "log_w_02": two - counted}


def _balance(values: Float[Tensor, " d_vocab"]) -> float | None:
    """|log(-a_0 / a_1)|: 0 where a 0 counts as much against [YES] as a 1 counts for it."""
    against, for_yes = float(values[ZERO]), float(values[ONE])
    return abs(math.log(-against / for_yes)) if against * for_yes < 0 else None


def _end_margin(logits: Float[Tensor, "string d_vocab"]) -> Float[Tensor, " string"]:
    return logits[:, EOS] - torch.maximum(logits[:, YES], logits[:, NO])


def _by_token(readings: Readings, name: str) -> Float[Tensor, "head d_vocab"]:
    """Mean of the scores or values over all places where a token stands; exact where there are no positions."""
    sums = torch.zeros(readings.n_heads, readings.direct.shape[2], dtype=torch.float64)
    counts = torch.zeros(readings.direct.shape[2], dtype=torch.float64)
    for rows in readings.rows:
        tokens = rows.tokens.flatten()
        numbers: Tensor = getattr(rows, name).transpose(0, 1).flatten(1).double()
        sums.index_add_(1, tokens, numbers)
        counts.index_add_(0, tokens, torch.ones_like(tokens, dtype=torch.float64))
    return sums / counts.clamp(min=1)
