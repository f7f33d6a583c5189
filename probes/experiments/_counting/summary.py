"""What the facts of all seeds of the counting experiment come to: metrics, curves, tables, pictures and bars."""

import math
from collections.abc import Sequence
from statistics import fmean, median

from catalog.experiments import Curve, Figure, Metric, Series
from catalog.rankings import rank_correlation
from probes.experiments._counting.bars import FAIR, GOOD, bars, explained
from probes.experiments._counting.tables import INTERVENTIONS, Head, tables
from probes.experiments.base import Facts, Summary


def summarise(facts: Sequence[Facts], *, has_bars: bool) -> Summary:
    """Sum up all seeds.

    Args:
        facts: Of every seed.
        has_bars: Whether the bars were set for these settings.

    Returns:
        The summary.
    """
    metrics = _metrics(facts)
    wanted = [bar for bar in bars(len(facts), len(facts[0]["heads"])) if bar.metric in metrics] if has_bars else []
    judged = [bar if bar.is_held_by(metrics[bar.metric]) else explained(bar, facts) for bar in wanted]
    return Summary(metrics, _series(facts), tables(facts), _figures(facts), judged)


def _metrics(facts: Sequence[Facts]) -> dict[str, Metric]:
    return {**_by_seed(facts), **_over_all_heads([head for each in facts for head in each["heads"]])}


def _by_seed(facts: Sequence[Facts]) -> dict[str, Metric]:
    """Metrics of which every seed gives a number."""
    heads: list[list[Head]] = [each["heads"] for each in facts]
    weights = [each["aggregation"] for each in facts]
    lines: dict[str, tuple[str, list[float]]] = {
        "label_accuracy": ("l-acc of the whole model", [each["full"]["label_accuracy"] for each in facts]),
        "sentence_accuracy": ("s-acc of the whole model", [each["full"]["sentence_accuracy"] for each in facts]),
        "close_label_accuracy": (
            "l-acc where 1s and 0s differ by one at most",
            [each["close"]["label_accuracy"] for each in facts],
        ),
        "longer_label_accuracy": (
            "l-acc on strings of 21 to 40 symbols",
            [each["longer"]["label_accuracy"] for each in facts],
        ),
        "longer_sentence_accuracy": (
            "s-acc on strings of 21 to 40 symbols",
            [each["longer"]["sentence_accuracy"] for each in facts],
        ),
        "share_of_good_heads": ("share of heads with solo AUC of at least 0.99", _shares(heads, GOOD)),
        "share_of_fair_heads": ("share of heads with solo AUC of at least 0.95", _shares(heads, FAIR)),
        "vote_label_accuracy": ("l-acc of the majority of the heads' signs", [each["vote"] for each in facts]),
        "lowest_left_out_label_accuracy": (
            "lowest l-acc of the model without one head (zero)",
            [min(head["left_out_zero_label_accuracy"] for head in each) for each in heads],
        ),
        "lowest_left_out_mean_label_accuracy": (
            "lowest l-acc of the model without one head (mean)",
            [min(head["left_out_mean_label_accuracy"] for head in each) for each in heads],
        ),
        "lowest_ideal_attention_auc": (
            "lowest AUC of a head with ideal attention and its own values",
            [min(head["ideal_attention_auc"] for head in each) for each in heads],
        ),
        "lowest_folded_ideal_attention_auc": (
            "the same, a head that counts the wrong way round taken as if it did not",
            [min(max(head["ideal_attention_auc"], 1 - head["ideal_attention_auc"]) for head in each) for each in heads],
        ),
        "ideal_attention_advantage": (
            "mean over heads: AUC with ideal attention, less AUC with ideal values",
            [fmean(head["ideal_attention_auc"] - head["ideal_values_auc"] for head in each) for each in heads],
        ),
        "swap_attention_share": (
            "share of the swap grid's variance that attention explains",
            [each["swap"]["attention_share"] for each in facts],
        ),
        "swap_value_share": (
            "share of the swap grid's variance that values explain",
            [each["swap"]["value_share"] for each in facts],
        ),
        "shared_weight_sentence_accuracy": (
            "s-acc with one weight for all heads, on the half that was not fitted",
            [each["shared_weight"]["sentence_accuracy"] for each in weights],
        ),
        "weight_per_head_sentence_accuracy": (
            "s-acc with one weight a head, on the half that was not fitted",
            [each["weight_per_head"]["sentence_accuracy"] for each in weights],
        ),
        "unequal_weights_gain": (
            "s-acc with one weight a head, less s-acc with one weight for all",
            [
                each["weight_per_head"]["sentence_accuracy"] - each["shared_weight"]["sentence_accuracy"]
                for each in weights
            ],
        ),
        "reweighted_auc": (
            "AUC under random log-normal weights (sigma 1), mean of 20 draws",
            [each["reweighted"]["auc"] for each in weights],
        ),
        "reweighted_end_accuracy": (
            "accuracy of the end of the sentence under the same weights",
            [each["reweighted"]["end_accuracy"] for each in weights],
        ),
        "reweighted_sentence_accuracy": (
            "s-acc under the same weights",
            [each["reweighted"]["sentence_accuracy"] for each in weights],
        ),
    }
    return {name: Metric.over_seeds(description, values) for name, (description, values) in lines.items()}


def _shares(heads: Sequence[Sequence[Head]], threshold: float) -> list[float]:
    return [fmean(head["auc"] >= threshold for head in each) for each in heads]


def _over_all_heads(heads: Sequence[Head]) -> dict[str, Metric]:
    """Metrics that all heads of all seeds give together; those of weak or fair heads only where there are any."""
    fair = [head for head in heads if head["auc"] >= FAIR]
    weak = [head for head in heads if head["auc"] < FAIR]
    numbers: dict[str, tuple[str, float | None]] = {
        "median_solo_label_accuracy": ("median solo l-acc of all heads", median(h["label_accuracy"] for h in heads)),
        "mean_solo_best_accuracy": ("mean solo best accuracy of all heads", fmean(h["best_accuracy"] for h in heads)),
        "median_solo_sentence_accuracy": (
            "median solo s-acc of all heads",
            median(head["sentence_accuracy"] for head in heads),
        ),
        **_correlations(heads),
    }
    if fair:
        numbers |= {
            "largest_log_w_01_of_fair_heads": (
                "largest |log w_01| of a head with solo AUC of at least 0.95",
                max(abs(head["log_w_01"]) for head in fair),
            ),
            "largest_w_02_of_fair_heads": (
                "largest w_02 of a head with solo AUC of at least 0.95",
                math.exp(max(head["log_w_02"] for head in fair)),
            ),
        }
    if weak:
        for name, words in INTERVENTIONS.items():
            described = f"mean AUC of heads with solo AUC below 0.95: {words}"
            numbers[f"weak_heads_{name}_auc"] = (described, fmean(head[f"{name}_auc"] for head in weak))
    return {
        name: Metric(description=description, mean=value)
        for name, (description, value) in numbers.items()
        if value is not None
    }


def _correlations(heads: Sequence[Head]) -> dict[str, tuple[str, float | None]]:
    balanced = [head for head in heads if head["value_balance"] is not None]
    pairs = {
        "log_w_01": (heads, [abs(head["log_w_01"]) for head in heads], "|log w_01|"),
        "log_w_02": (heads, [head["log_w_02"] for head in heads], "log w_02"),
        "value_balance": (balanced, [head["value_balance"] for head in balanced], "value balance"),
    }
    return {
        f"spearman_{name}": (
            f"Spearman's correlation of solo AUC and {words} over {len(chosen)} of {len(heads)} heads",
            rank_correlation([head["auc"] for head in chosen], numbers) if len(chosen) > 1 else None,
        )
        for name, (chosen, numbers, words) in pairs.items()
    }


def _series(facts: Sequence[Facts]) -> dict[str, Series]:
    names = {"auc": "AUC", "label_accuracy": "l-acc", "sentence_accuracy": "s-acc"}
    subsets = [
        Curve(
            name=words,
            seed=each["seed"],
            x=[size["size"] for size in each["subsets"]],
            y=[size[name] for size in each["subsets"]],
        )
        for name, words in names.items()
        for each in facts
    ]
    emergence = [
        Curve(name=_watched_name(name), seed=each["seed"], x=each["steps"], y=values)
        for each in facts
        for name, values in each["watched"].items()
    ]
    return {
        "subset_curve": Series(
            description="Mean over the subsets of so many heads, with the direct path kept, by seed.",
            x_name="heads",
            y_name="AUC or accuracy",
            curves=subsets,
        ),
        "emergence": Series(
            description="Solo AUC of every head, and l-acc and s-acc of the whole model, over training.",
            x_name="training step",
            y_name="AUC or accuracy",
            curves=emergence,
        ),
    }


def _watched_name(name: str) -> str:
    whole = {"label_accuracy": "whole model, l-acc", "sentence_accuracy": "whole model, s-acc"}
    return whole.get(name) or f"head {name.removeprefix('auc_')}"


def _figures(facts: Sequence[Facts]) -> dict[str, Figure]:
    first = facts[0]["seed"]
    return {
        "subset_curve": Figure(
            kind="curves",
            source="subset_curve",
            title="Models of some heads only",
            caption="How well subsets of the heads answer, by their size; one thin line a seed.",
        ),
        "emergence": Figure(
            kind="curves",
            source="emergence",
            seed=first,
            title=f"When each head begins to count, seed {first}",
            caption="Solo AUC of every head and accuracies of the whole model over training.",
        ),
        "swap_grid": Figure(
            kind="grid",
            source="swap_grid",
            columns=["seed", "attention of head", "values of head", "AUC"],
            title="Attention of one head with the values of another",
            caption="AUC of mixed heads: a row has the attention of one head, a column the values of another.",
        ),
        "attention": Figure(
            kind="grid",
            source="example",
            columns=["head", "token", "attention"],
            title=f"Where the separator looks, seed {first}",
            caption="Attention of every head from the separator to the tokens of one string.",
        ),
        **{
            name: Figure(
                kind="scatter",
                source="heads",
                columns=[column, "solo AUC"],
                title=f"How well a head counts, and its {column}",
                caption=f"Solo AUC of every head against {column}; one dot a head, all seeds.",
            )
            for name, column in {
                "auc_by_w_01": "|log w_01|",
                "auc_by_w_02": "log w_02",
                "auc_by_value_balance": "value balance",
            }.items()
        },
    }
