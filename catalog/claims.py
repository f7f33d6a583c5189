"""Verdicts on what papers claim, computed from the recorded runs and from nothing else.

A claim of form `heads` holds when the named heads lead the ranking of the model's heads under the linked detector; one
of form `share` when the share of called heads lies in the claimed range; one of form `effect` when removing the heads
moves the metric as claimed, beyond random heads; one of form `experiment` when a small transformer that is trained for
it gives a number in the claimed range. Where a measurement leaves both answers open, the verdict is `partly`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from catalog.effects import EffectRun
from catalog.experiment_claims import experiment_outcome, runs_on
from catalog.experiments import ExperimentRun
from catalog.ids import HeadName
from catalog.model_names import same_model
from catalog.models import Claim, EffectClaim, ExperimentClaim, HeadsClaim, Paper, ShareClaim, UntestableClaim
from catalog.rankings import area_under_curve, chance_of, rank_correlation, recall_at_n
from catalog.registry import Registry
from catalog.runs import MeasuredModel, ProbeRun, at
from catalog.texts import minus
from catalog.verdicts import STANDARD_ERRORS, Outcome, interval_verdict
from catalog.verdicts import Verdict as Verdict

GOOD_AUROC, GOOD_RECALL = 0.9, 0.5
"""From here on, together, the named heads count as found again."""
FAIR_AUROC = 0.75
"""From here on the claim counts as found again in part."""
SIGNIFICANCE = 0.05
"""Highest probability of a ranking this good by chance."""
FEWEST_RANKED = 5
"""Published scores that a rank correlation needs at least."""


@dataclass(frozen=True)
class Check:
    """One line of the ledger: a claim beside one record that bears on it, or beside none."""

    paper: Paper
    claim: Claim
    verdict: Verdict
    reason: str
    """Why, in one sentence with the numbers."""
    model: MeasuredModel | None = None
    """The model that was measured, if one was."""
    measured_by: str | None = None
    """The detector, effect or experiment behind the verdict."""
    numbers: dict[str, float] = field(default_factory=dict)
    experiment: ExperimentRun | None = None
    """The record of the experiment, if it was one."""
    heads: tuple[HeadName, ...] = ()
    """Query heads of the measured model that the verdict is about: named, called or ablated; strongest first."""


def ledger(registry: Registry) -> list[Check]:
    """Every claim of every paper with its verdicts: a line for each record that bears on it, or one line if none does.

    Args:
        registry: Papers and runs.

    Returns:
        The lines in the order of papers, claims and runs.
    """
    return [
        check
        for paper in registry.papers.values()
        for claim in paper.claims
        for check in _check(registry, paper, claim)
    ]


def overall(checks: Iterable[Check]) -> Verdict:
    """The verdict on a claim when all its lines are taken together.

    Args:
        checks: Lines of one claim, at least one.

    Returns:
        What all tested lines agree on; `partly` where they differ.
    """
    verdicts = {check.verdict for check in checks}
    tested = verdicts - {Verdict.UNTESTED, Verdict.UNTESTABLE} or verdicts
    return tested.pop() if len(tested) == 1 else Verdict.PARTLY


def _check(registry: Registry, paper: Paper, claim: Claim) -> Iterator[Check]:
    match claim:
        case UntestableClaim():
            yield Check(paper, claim, Verdict.UNTESTABLE, claim.reason)
        case EffectClaim():
            yield from _check_effect(registry, paper, claim)
        case ExperimentClaim():
            yield from _check_experiment(registry, paper, claim)
        case HeadsClaim() | ShareClaim():
            yield from _check_scores(registry, paper, claim)


def _check_scores(registry: Registry, paper: Paper, claim: HeadsClaim | ShareClaim) -> Iterator[Check]:
    detectors = detectors_for(registry, claim)
    runs = [run for run in registry.runs if run.probe in detectors and is_about(claim.model, run.model)]
    for run in runs:
        outcome = _heads_outcome(claim, run) if isinstance(claim, HeadsClaim) else _share_outcome(claim, run)
        heads = _named_heads(claim, run) if isinstance(claim, HeadsClaim) else tuple(run.called())
        about = (paper, claim, outcome.verdict, outcome.reason, run.model, run.probe, outcome.numbers)
        yield Check(*about, heads=heads)
    if not runs and not detectors:
        yield Check(paper, claim, Verdict.UNTESTED, "no detector measures this as the paper does yet")
    elif not runs:
        reason = f"no run of {' or '.join(detectors)} on {claim.model or 'any model'} is recorded"
        yield Check(paper, claim, Verdict.UNTESTED, reason)


def detectors_for(registry: Registry, claim: HeadsClaim | ShareClaim) -> list[str]:
    """Detectors whose runs bear on a claim.

    Args:
        registry: The head types.
        claim: The claim.

    Returns:
        Those that the claim names; if it names none, the first one of its head type.
    """
    head_type = registry.head_types.get(claim.head_type)
    known = head_type.detectors if head_type else []
    return known[:1] if claim.detectors is None else claim.detectors


def is_about(claimed: str | None, model: MeasuredModel) -> bool:
    """Whether a measured model is the one that a claim names.

    Args:
        claimed: The model of the claim; None if it is about every model.
        model: The measured model.

    Returns:
        True if one of the measured model's names means the claimed one.
    """
    names = [name for name in (model.hub_id, model.slug) if name]
    return claimed is None or any(same_model(claimed, name) for name in names)


def _heads_outcome(claim: HeadsClaim, run: ProbeRun) -> Outcome:
    scores = _scores_by_unit(claim, run)
    wanted = [HeadName.parse(head) for head in claim.heads]
    unknown = next((head for head in wanted if head not in scores), None)
    if unknown is not None:
        return Outcome(Verdict.UNTESTED, f"the claim names {unknown}, which the measured model does not have")
    named = [scores[head] for head in wanted]
    others = [score for head, score in scores.items() if head not in set(wanted)]
    if not others:
        return Outcome(Verdict.UNTESTED, "the claim names every head, so no ranking can bear it out")
    numbers = _ranking_numbers(claim, named, others)
    return Outcome(_heads_verdict(numbers), _heads_reason(claim, numbers), numbers)


def _named_heads(claim: HeadsClaim, run: ProbeRun) -> tuple[HeadName, ...]:
    """Query heads that a claim names, or that read the key-value heads which it names."""
    named = {HeadName.parse(head) for head in claim.heads}
    return tuple(name for name in run.ranked() if _unit_of(name, claim, run) in named)


def _scores_by_unit(claim: HeadsClaim, run: ProbeRun) -> dict[HeadName, float]:
    """Score of every query head, or of every key-value head: that of the strongest query head which reads it."""
    scores: dict[HeadName, list[float]] = {}
    for name in run.heads():
        scores.setdefault(_unit_of(name, claim, run), []).append(run.score(name))
    return {name: max(of_unit) for name, of_unit in scores.items()}


def _unit_of(name: HeadName, claim: HeadsClaim | ShareClaim, run: ProbeRun) -> HeadName:
    """What a claim counts for a query head: the head itself, or the key-value head that it reads."""
    n_together = 1 if claim.unit == "query head" else run.model.n_heads // run.model.n_key_value_heads
    return HeadName(name.layer, name.head // n_together)


def _ranking_numbers(claim: HeadsClaim, named: list[float], others: list[float]) -> dict[str, float]:
    auroc = area_under_curve(named, others)
    numbers = {
        "n_heads": float(len(named) + len(others)),
        "n_named": float(len(named)),
        "auroc": auroc,
        "p_value": chance_of(auroc, len(named), len(others)),
        "recall_at_n": recall_at_n(named, others),
    }
    correlated = rank_correlation(claim.scores, named) if len(claim.scores) >= FEWEST_RANKED else None
    return numbers if correlated is None else numbers | {"rank_correlation": correlated}


def _heads_verdict(numbers: dict[str, float]) -> Verdict:
    """Verdict on a ranking; a fine one among too few heads to tell it from chance leaves the claim untested."""
    is_chance = numbers["p_value"] >= SIGNIFICANCE
    if is_chance and numbers["auroc"] >= GOOD_AUROC:
        return Verdict.UNTESTED
    if is_chance or numbers["auroc"] < FAIR_AUROC:
        return Verdict.NOT_REPRODUCED
    leads = numbers["auroc"] >= GOOD_AUROC and numbers["recall_at_n"] >= GOOD_RECALL
    return Verdict.REPRODUCED if leads and numbers.get("rank_correlation", 1) > 0 else Verdict.PARTLY


def _heads_reason(claim: HeadsClaim, numbers: dict[str, float]) -> str:
    recall = _percent(numbers["recall_at_n"])
    share = f"{recall} of the {claim.unit}s named are among the {len(claim.heads)} highest scores"
    ranking = f"AUROC {numbers['auroc']:.2f} over {numbers['n_heads']:.0f} heads"
    correlated = numbers.get("rank_correlation")
    agreement = (
        "" if correlated is None else f", rank correlation with the published scores {minus(f'{correlated:.2f}')}"
    )
    return f"{share}, {ranking}{agreement}"


def _share_outcome(claim: ShareClaim, run: ProbeRun) -> Outcome:
    n_heads = run.model.n_layers * (run.model.n_heads if claim.unit == "query head" else run.model.n_key_value_heads)
    low, share, high = (_n_called(claim, run, errors) / n_heads for errors in (-STANDARD_ERRORS, 0.0, STANDARD_ERRORS))
    called = f"{_percent(share)} of {n_heads} {claim.unit}s are called"
    reason = f"{called} ({_percent(low)} to {_percent(high)} within the error of their scores)"
    numbers = {"n_heads": float(n_heads), "share": share, "low": low, "high": high}
    return Outcome(interval_verdict((low, high), (claim.at_least, claim.at_most)), reason, numbers)


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"


def _n_called(claim: ShareClaim, run: ProbeRun, errors: float) -> int:
    """Heads beyond the null that reach the threshold when every score is moved by so many standard errors."""
    called = (
        name
        for name in run.heads()
        if run.score(name) + errors * at(run.standard_errors, name) >= run.threshold
        and at(run.q_values, name) <= run.false_discovery_rate
    )
    return len({_unit_of(name, claim, run) for name in called})


def _check_effect(registry: Registry, paper: Paper, claim: EffectClaim) -> Iterator[Check]:
    runs = [run for run in registry.effects if _bears_on(claim, run)]
    for run in runs:
        outcome = _effect_outcome(claim, run)
        about = (paper, claim, outcome.verdict, outcome.reason, run.model, run.effect, outcome.numbers)
        yield Check(*about, heads=tuple(map(HeadName.parse, run.heads)))
    if not runs and claim.effect is None:
        yield Check(paper, claim, Verdict.UNTESTED, "no effect of the probes measures this metric yet")
    elif not runs:
        reason = f"no ablation run of {claim.effect} on {claim.model or 'any model'} is recorded"
        yield Check(paper, claim, Verdict.UNTESTED, reason)


def _bears_on(claim: EffectClaim, run: EffectRun) -> bool:
    same_question = (run.effect, run.head_type) == (claim.effect, claim.head_type)
    return same_question and is_about(claim.model, run.model)


def _effect_outcome(claim: EffectClaim, run: EffectRun) -> Outcome:
    if claim.unit is not None and claim.unit != run.unit:
        return Outcome(Verdict.UNTESTED, f"the claim counts in {claim.unit}, the run in {run.unit}")
    sign = 1 if claim.direction == "rises" else -1
    interval = run.interval
    claimed_way = sorted((sign * interval.low, sign * interval.high))
    verdict = interval_verdict((claimed_way[0], claimed_way[1]), (claim.at_least or 0.0, float("inf")))
    change, low, high = (minus(f"{number:+.3g}") for number in (run.change, interval.low, interval.high))
    ablated = f"with {len(run.heads)} {'head' if len(run.heads) == 1 else 'heads'} ablated"
    reason = f"{ablated}, {run.metric} changes by {change} {run.unit} ({low} to {high}) against random heads"
    return Outcome(verdict, reason, {"change": run.change, "low": interval.low, "high": interval.high})


def _check_experiment(registry: Registry, paper: Paper, claim: ExperimentClaim) -> Iterator[Check]:
    runs = runs_on(claim, registry.experiments)
    experiments = [run for run in registry.experiments if run.experiment == claim.experiment]
    for run in runs:
        found = experiment_outcome(claim, run, experiments)
        about = (paper, claim, found.verdict, found.reason)
        yield Check(*about, measured_by=run.experiment, experiment=run, numbers=found.numbers)
    if not runs:
        yield Check(paper, claim, Verdict.UNTESTED, f"no such run of the experiment {claim.experiment} is recorded")
