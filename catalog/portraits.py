"""Portraits of heads: what is recorded about each head of a model, gathered from runs, effects and claims."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from catalog.claims import is_about
from catalog.effects import EffectRun
from catalog.ids import HeadName
from catalog.models import Claim, HeadsClaim, Paper
from catalog.registry import Registry
from catalog.runs import MeasuredModel, ProbeRun


@dataclass(frozen=True)
class Standing:
    """Where a head stands in one run."""

    run: ProbeRun
    name: HeadName
    rank: int
    """1 for the highest score; heads with the same score share the best of their ranks."""
    percentile: float
    """Share of the model's heads that score no higher, times 100."""

    @property
    def score(self) -> float:
        """Its score, in the run's unit."""
        return self.run.score(self.name)

    @property
    def is_called(self) -> bool:
        """Whether it counts as a member of the run's head type."""
        return self.run.is_called(self.name)


@dataclass(frozen=True)
class Mention:
    """A claim that names a head."""

    paper: Paper
    claim: Claim
    score: float | None
    """Published score of the head, where there is one."""


@dataclass(frozen=True)
class Portrait:
    """What is recorded about one head."""

    name: HeadName
    standings: list[Standing] = field(default_factory=list)
    """One for each run, those that call the head first, then by percentile."""
    effects: list[EffectRun] = field(default_factory=list)
    """Effects that ablated it, among others."""
    mentions: list[Mention] = field(default_factory=list)
    """Claims that name it, or the key-value head that it reads."""

    @property
    def called(self) -> list[Standing]:
        """Runs that call the head."""
        return [standing for standing in self.standings if standing.is_called]


def standings(run: ProbeRun) -> Iterator[Standing]:
    """Where every head stands in a run.

    Args:
        run: The run.

    Yields:
        A standing for each head that has a score, layer by layer.
    """
    names = list(run.heads())
    scores = sorted(map(run.score, names))
    for name in names:
        n_no_higher = bisect_right(scores, run.score(name))
        yield Standing(run, name, len(scores) - n_no_higher + 1, 100 * n_no_higher / len(scores))


def portraits(registry: Registry, model: MeasuredModel) -> dict[HeadName, Portrait]:
    """Portraits of all heads of a model.

    Args:
        registry: What is recorded.
        model: The model.

    Returns:
        A portrait for every head that was measured, ablated or named, layer by layer.
    """
    found: dict[HeadName, Portrait] = {}

    def of(name: HeadName) -> Portrait:
        return found.setdefault(name, Portrait(name))

    for run in registry.runs_of(model.slug):
        for standing in standings(run):
            of(standing.name).standings.append(standing)
    for effect in registry.effects:
        if effect.model.slug == model.slug:
            for head in effect.heads:
                of(HeadName.parse(head)).effects.append(effect)
    for name, mention in _mentions(registry, model):
        of(name).mentions.append(mention)
    for portrait in found.values():
        portrait.standings.sort(key=lambda standing: (not standing.is_called, -standing.percentile))
    return dict(sorted(found.items()))


def _mentions(registry: Registry, model: MeasuredModel) -> Iterator[tuple[HeadName, Mention]]:
    """Claims about heads of the model, by query head."""
    for paper in registry.papers.values():
        for claim in paper.claims:
            if isinstance(claim, HeadsClaim) and is_about(claim.model, model):
                scores: list[float | None] = [*claim.scores] or [None] * len(claim.heads)
                for head, score in zip(claim.heads, scores, strict=True):
                    for name in _query_heads(HeadName.parse(head), claim, model):
                        yield name, Mention(paper, claim, score)


def _query_heads(named: HeadName, claim: HeadsClaim, model: MeasuredModel) -> list[HeadName]:
    """The head that a claim names, or all that read the key-value head which it names; none that the model lacks."""
    width = 1 if claim.unit == "query head" else model.n_heads // model.n_key_value_heads
    heads = range(named.head * width, (named.head + 1) * width)
    return [HeadName(named.layer, head) for head in heads if named.layer < model.n_layers and head < model.n_heads]
