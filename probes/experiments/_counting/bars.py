"""What counting should reach; written down before the code was, from exploratory runs. And why a bar was missed."""

import math
from collections.abc import Iterator, Sequence

from catalog.experiments import Bar
from probes.experiments._counting.tables import Head
from probes.experiments.base import Facts

GOOD, FAIR = 0.99, 0.95
"""AUC from which a head counts by itself, and from which it is no weak counter."""

MOST_W_02 = 0.8
"""Weight of 2s against that of 0s that a head which counts by itself should not exceed."""


def bars(n_seeds: int, n_heads: int) -> Iterator[Bar]:
    """The bars that were set from exploratory runs before this code was written.

    Args:
        n_seeds: Seeds that were trained.
        n_heads: Heads of the model.

    Yields:
        The bars.
    """
    yield Bar(
        statement="full l-acc at least 0.999 in every seed", metric="label_accuracy", at_least=0.999, in_seeds=n_seeds
    )
    yield Bar(
        statement="full s-acc at least 0.999 in every seed",
        metric="sentence_accuracy",
        at_least=0.999,
        in_seeds=n_seeds,
    )
    yield Bar(statement="at least 55 % of heads have solo AUC of 0.99", metric="share_of_good_heads", at_least=0.55)
    yield Bar(statement="at least 65 % of heads have solo AUC of 0.95", metric="share_of_fair_heads", at_least=0.65)
    if n_heads == 8:
        yield Bar(
            statement="with 8 heads, l-acc stays at least 0.99 whichever head is left out",
            metric="lowest_left_out_label_accuracy",
            at_least=0.99,
            in_seeds=n_seeds,
        )
    yield Bar(statement="median solo s-acc at most 0.4", metric="median_solo_sentence_accuracy", at_most=0.4)
    yield Bar(
        statement="ideal attention with own values gives every head an AUC of at least 0.995",
        metric="lowest_ideal_attention_auc",
        at_least=0.995,
        in_seeds=n_seeds,
    )
    yield Bar(
        statement="ideal values with own attention leave the mean AUC of weak heads below 0.95",
        metric="weak_heads_ideal_values_auc",
        at_most=0.95,
    )
    yield Bar(
        statement="heads with AUC of at least 0.95 have w_01 from 0.5 to 2",
        metric="largest_log_w_01_of_fair_heads",
        at_most=math.log(2),
    )
    yield Bar(
        statement=f"heads with AUC of at least 0.95 have w_02 below {MOST_W_02}",
        metric="largest_w_02_of_fair_heads",
        at_most=MOST_W_02,
    )
    yield Bar(statement="Spearman(AUC, |log w_01|) at most -0.5", metric="spearman_log_w_01", at_most=-0.5)
    yield Bar(statement="Spearman(AUC, log w_02) at most -0.5", metric="spearman_log_w_02", at_most=-0.5)


def explained(bar: Bar, facts: Sequence[Facts]) -> Bar:
    """A bar that was missed, with what the heads say about why.

    Args:
        bar: The bar.
        facts: Of every seed.

    Returns:
        The bar with a remark; as it was if nothing is known to say.
    """
    heads = [(each["seed"], head) for each in facts for head in each["heads"]]
    remark = None
    if bar.metric == "lowest_ideal_attention_auc":
        remark = _reversed(heads)
    elif bar.metric == "largest_w_02_of_fair_heads":
        remark = _looking_at_twos(heads)
    elif bar.metric.startswith("spearman_"):
        n_good = sum(head["auc"] >= GOOD for _, head in heads)
        remark = f"{n_good} of {len(heads)} heads have an AUC of 0.99 or more, so the order among them is noise"
    return bar if remark is None else bar.model_copy(update={"remark": remark})


def _reversed(heads: Sequence[tuple[int, Head]]) -> str | None:
    """Heads that count backwards with ideal attention; none is no reason."""
    found = [(seed, head) for seed, head in heads if head["ideal_attention_auc"] < 0.5]
    if not found:
        return None
    return f"these heads count the wrong way round when they are made to look at 0s and 1s: {_named(found)}"


def _looking_at_twos(heads: Sequence[tuple[int, Head]]) -> str:
    """Heads that count well by themselves and look at 2s all the same."""
    fair = [(seed, head) for seed, head in heads if head["auc"] >= FAIR]
    found = [(seed, head) for seed, head in fair if head["log_w_02"] > math.log(MOST_W_02)]
    return f"{len(found)} of {len(fair)} such heads have more: {_named(found)}"


def _named(heads: Sequence[tuple[int, Head]]) -> str:
    weights = [(seed, head["head"], math.exp(head["log_w_02"])) for seed, head in heads]
    return ", ".join(f"head {head} of seed {seed} (w_02 {weight:.3g})" for seed, head, weight in weights)
