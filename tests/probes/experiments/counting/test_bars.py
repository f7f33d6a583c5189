"""What is said of bars that counting missed."""

import math

import pytest

from probes.experiments._counting.bars import bars, explained


def make_head(number, *, auc=1.0, w_02=0.1, ideal=1.0):
    return {"head": number, "auc": auc, "log_w_02": math.log(w_02), "ideal_attention_auc": ideal}


FACTS = [
    {"seed": 0, "heads": [make_head(0), make_head(1, auc=0.96, w_02=0.9)]},
    {"seed": 1, "heads": [make_head(0, auc=0.3, w_02=99.0, ideal=0.0), make_head(1)]},
]


@pytest.mark.parametrize(
    ("metric", "remark"),
    [
        ("largest_w_02_of_fair_heads", "1 of 3 such heads have more: head 1 of seed 0 (w_02 0.9)"),
        (
            "lowest_ideal_attention_auc",
            "these heads count the wrong way round when they are made to look at 0s and 1s: head 0 of seed 1 (w_02 99)",
        ),
        ("spearman_log_w_02", "2 of 4 heads have an AUC of 0.99 or more, so the order among them is noise"),
        ("label_accuracy", None),
    ],
)
def test_a_missed_bar_says_what_the_heads_show(metric, remark):
    bar = next(bar for bar in bars(2, 8) if bar.metric == metric)
    assert explained(bar, FACTS).remark == remark


def test_no_head_that_counts_backwards_is_no_reason():
    bar = next(bar for bar in bars(2, 8) if bar.metric == "lowest_ideal_attention_auc")
    assert explained(bar, [FACTS[0]]).remark is None
