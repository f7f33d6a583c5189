"""Tables of the counting experiment."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from catalog.experiments import Table
from probes.experiments.base import Facts

Head = dict[str, Any]
"""Facts of one head."""

HEAD_COLUMNS: dict[str, Callable[[Head], float | None]] = {
    "solo AUC": lambda head: head["auc"],
    "solo l-acc": lambda head: head["label_accuracy"],
    "solo best accuracy": lambda head: head["best_accuracy"],
    "solo s-acc": lambda head: head["sentence_accuracy"],
    "solo l-acc with direct path": lambda head: head["label_accuracy_with_direct"],
    "solo s-acc with direct path": lambda head: head["sentence_accuracy_with_direct"],
    "l-acc without it (zero)": lambda head: head["left_out_zero_label_accuracy"],
    "s-acc without it (zero)": lambda head: head["left_out_zero_sentence_accuracy"],
    "l-acc without it (mean)": lambda head: head["left_out_mean_label_accuracy"],
    "s-acc without it (mean)": lambda head: head["left_out_mean_sentence_accuracy"],
    "w_01": lambda head: math.exp(head["log_w_01"]),
    "w_02": lambda head: math.exp(head["log_w_02"]),
    "|log w_01|": lambda head: abs(head["log_w_01"]),
    "log w_02": lambda head: head["log_w_02"],
    "value balance": lambda head: head["value_balance"],
    "EOS margin": lambda head: head["end_margin"],
}

INTERVENTIONS = {
    "own": "own attention, own values",
    "balanced": "w_01 set to 1",
    "without_twos": "w_02 set to 0",
    "ideal_attention": "ideal attention, own values",
    "ideal_values": "own attention, ideal values",
}


def tables(facts: Sequence[Facts]) -> dict[str, Table]:
    """All tables.

    Args:
        facts: Of every seed.

    Returns:
        By name.
    """
    n_heads, example = len(facts[0]["heads"]), facts[0]["example"]
    places = [f"{token} at {place}" for place, token in enumerate(example["tokens"])]
    return {
        "heads": Table(
            description="Every head of every seed.",
            columns=["seed", "head", *HEAD_COLUMNS],
            rows=[
                [each["seed"], head["head"], *(read(head) for read in HEAD_COLUMNS.values())]
                for each in facts
                for head in each["heads"]
            ],
        ),
        "interventions": Table(
            description="AUC of every head when its attention or its values are exchanged.",
            columns=["seed", "head", *INTERVENTIONS.values()],
            rows=[
                [each["seed"], head["head"], *(head[f"{name}_auc"] for name in INTERVENTIONS)]
                for each in facts
                for head in each["heads"]
            ],
        ),
        "swap_grid": Table(
            description="max(AUC, 1 - AUC) with the attention of one head and the values of another.",
            columns=["seed", "attention of head", "values of head", "AUC"],
            rows=[
                [f"seed {each['seed']}", i, j, each["swap"]["grid"][i][j]]
                for each in facts
                for i in range(n_heads)
                for j in range(n_heads)
            ],
        ),
        "example": Table(
            description=f"Attention of the separator on one string, model of seed {facts[0]['seed']}.",
            columns=["head", "token", "attention"],
            rows=[
                [f"head {head}", place, weight]
                for head, pattern in enumerate(example["attention"])
                for place, weight in zip(places, pattern, strict=True)
            ],
        ),
    }
