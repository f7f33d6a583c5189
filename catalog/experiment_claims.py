"""Verdicts on claims that an experiment bears on: does its number lie in the claimed range, given how seeds differ?"""

from __future__ import annotations

import math
from collections.abc import Iterable

from catalog.experiments import ExperimentRun, Metric
from catalog.models import ExperimentClaim
from catalog.settings import differing_settings
from catalog.texts import minus
from catalog.verdicts import STANDARD_ERRORS, Outcome, Verdict, interval_verdict


def runs_on(claim: ExperimentClaim, runs: Iterable[ExperimentRun]) -> list[ExperimentRun]:
    """Records that bear on a claim.

    Args:
        claim: The claim.
        runs: All records.

    Returns:
        Those of its experiment that have the settings which it asks for.
    """
    return [run for run in runs if run.experiment == claim.experiment and run.has(claim.settings)]


def experiment_outcome(claim: ExperimentClaim, run: ExperimentRun, others: Iterable[ExperimentRun] = ()) -> Outcome:
    """What a record says about a claim.

    Args:
        claim: The claim.
        run: A record that bears on it.
        others: Other records of the experiment; the reason says what tells it from them.

    Returns:
        The outcome; untested where the record lacks the metric.
    """
    if claim.metric not in run.metrics:
        return Outcome(Verdict.UNTESTED, f"the record has no metric {claim.metric}")
    metric = run.metrics[claim.metric]
    low, high = _interval(metric)
    at_least = -math.inf if claim.at_least is None else claim.at_least
    at_most = math.inf if claim.at_most is None else claim.at_most
    verdict = interval_verdict((low, high), (at_least, at_most))
    if verdict is Verdict.NOT_REPRODUCED and claim.partly_at_least is not None and high >= claim.partly_at_least:
        verdict = Verdict.PARTLY
    numbers = {"mean": metric.mean, "low": low, "high": high, "n_seeds": float(len(run.seeds))}
    return Outcome(verdict, _reason(claim, run, metric, (low, high), differing_settings(run, others)), numbers)


def claimed_range(claim: ExperimentClaim) -> str:
    """The range that bears a claim out, in words.

    Args:
        claim: The claim.

    Returns:
        Such as "at least 0.9".
    """
    parts = [("at least", claim.at_least), ("at most", claim.at_most)]
    return " and ".join(f"{word} {number:g}" for word, number in parts if number is not None)


def _interval(metric: Metric) -> tuple[float, float]:
    """Where the mean over seeds lies with 95 % confidence; the number itself where all seeds give one."""
    if metric.spread is None:
        return metric.mean, metric.mean
    reach = STANDARD_ERRORS * metric.spread / math.sqrt(len(metric.by_seed))
    return metric.mean - reach, metric.mean + reach


def _reason(
    claim: ExperimentClaim, run: ExperimentRun, metric: Metric, interval: tuple[float, float], under: str
) -> str:
    low, mean, high = (minus(f"{number:.3g}") for number in (interval[0], metric.mean, interval[1]))
    error = f" ({low} to {high})" if low != high else ""
    seeds = f"{len(run.seeds)} seed{'' if len(run.seeds) == 1 else 's'}"
    conditions = f" with {under}" if under else ""
    return f"{metric.description}: {mean}{error} over {seeds}{conditions}; the claim asks for {claimed_range(claim)}"
