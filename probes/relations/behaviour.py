"""Static scores held against behaviour: do heads write on text what their weights say, and is the answer lost without?

Source: elhelo-2024-maps for both tests. Differs from the paper: on text no more pairs are read than asked for, the
better of several completions is taken, and control relations are those that are checked together.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from catalog.ids import HeadName
from catalog.relation_checks import Control, DynamicHits, RelationAblation, RelationCheck
from catalog.relation_runs import RelationRun, Sign
from catalog.relations import Relation
from probes.adapters.base import ProbedModel
from probes.attention import IMPLEMENTATION
from probes.errors import BadInputError
from probes.provenance import provenance
from probes.relations.carriers import carrier, chosen_pairs
from probes.relations.dynamic import count_dynamic
from probes.relations.knock_out import LastPosition
from probes.relations.measure import hits_by_head, pairs_sha256
from probes.relations.static import Counts
from probes.standard import SEED

MOST_PAIRS = 64
"""Pairs that are read of each relation."""

N_DRAWS = 5
"""Sets of random heads, as published."""

MOST_CONTROLS = 5
"""Control relations, as published."""

LARGEST_OVERLAP = 0.15
"""Share of heads that a control relation may have in common, as published."""

LARGEST_DIFFERENCE = 0.2
"""Difference in accuracy that a control relation may have, as published."""

HEADS_OFF = {300: 30, 500: 50, 1000: 100, 1500: 150}
"""Heads that are removed in models with fewer heads than the key, as published."""

MOST_OFF = 250
"""Heads that are removed in larger models."""

DECIMALS = 4
"""Decimals of a recorded share."""


@dataclass(frozen=True)
class _Asked:
    """A relation that the model was asked about."""

    heads: list[HeadName]
    """Heads with a static score above zero, best first; no more than are removed."""

    last: LastPosition
    n_pairs: int
    baseline: float


def check_relations(
    model: ProbedModel,
    relations: Sequence[Relation],
    runs: Sequence[RelationRun],
    *,
    most_pairs: int = MOST_PAIRS,
    seed: int = SEED,
    keep: Callable[[RelationCheck], None] = lambda _: None,
    progress: bool = True,
) -> list[RelationCheck]:
    """Hold the static scores of relations against what the model does.

    Args:
        model: The model.
        relations: The relations; each is a control for the others.
        runs: Their static scores on this model.
        most_pairs: No more pairs than these are read.
        seed: Seed of the chosen pairs and of the random heads.
        keep: Told each record as soon as it is finished.
        progress: Show a progress bar on standard error.

    Returns:
        One record a relation.

    Raises:
        BadInputError: a relation is not defined for the model's tokenizer.
    """
    by_name = {run.relation: run for run in runs}
    for run in runs:
        if not run.is_defined:
            raise BadInputError(
                f"{run.relation} is not defined here: {run.n_pairs} pairs, {run.least_pairs} are needed"
            )
    with Progress(console=Console(stderr=True), transient=True, disable=not progress) as bars:
        bar = bars.add_task("Asking about relations", total=2 * len(relations))
        asked: dict[str, _Asked] = {}
        for relation in relations:
            asked |= _ask(model, relation, by_name[relation.id], most_pairs, seed)
            bars.advance(bar)
        checks = []
        for relation in relations:
            checks.append(_check(model, relation, by_name[relation.id], asked, most_pairs, seed))
            keep(checks[-1])
            bars.advance(bar)
    return checks


def _check(
    model: ProbedModel, relation: Relation, run: RelationRun, asked: dict[str, _Asked], most_pairs: int, seed: int
) -> RelationCheck:
    began = time.perf_counter()
    pairs = chosen_pairs(relation, model, relation.prompts, most_pairs, torch.Generator().manual_seed(seed))
    dynamic = count_dynamic(model, [carrier(model, text, pairs) for text in relation.prompts])
    return RelationCheck(
        relation=relation.id,
        pairs_sha256=pairs_sha256(relation),
        model=model.record,
        k=run.k,
        most_pairs=most_pairs,
        seed=seed,
        carriers=relation.prompts,
        n_pairs=len(pairs),
        writes=_beside(run, dynamic, "writes", len(pairs)),
        suppresses=_beside(run, dynamic, "suppresses", len(pairs)),
        ablation=_ablate(model, asked[relation.id], asked, seed) if relation.id in asked else None,
        provenance=provenance(
            "relations.behaviour",
            seconds=time.perf_counter() - began,
            device=str(model.device),
            dtype=str(model.dtype).removeprefix("torch."),
            attention=IMPLEMENTATION,
        ),
    )


def _beside(run: RelationRun, dynamic: dict[str, Counts], sign: Sign, n_pairs: int) -> DynamicHits:
    """Hits on text, and their correlations with the static score."""
    on_text = {name: counts.beyond(sign) for name, counts in dynamic.items()}
    static = torch.tensor([[hit or 0 for hit in row] for row in run.signed(sign).hits[run.k]], dtype=torch.float64)
    return DynamicHits(
        **{name: hits_by_head(counts, run.k) for name, counts in on_text.items()},
        **{
            f"correlation_{name}": _correlation(static, counts.unflatten(0, (-1, n_pairs)), run.k)
            for name, counts in on_text.items()
        },
    )


def _correlation(static: Tensor, by_carrier: Tensor, k: int) -> float | None:
    """Pearson correlation over heads and carriers; None if either side is constant."""
    is_scored = (by_carrier >= 0).all(0).all(0)
    on_text = (by_carrier < k).double().mean(1)[:, is_scored]
    both = torch.stack([static[is_scored].expand_as(on_text).flatten(), on_text.flatten()])
    if (both.std(1) == 0).any():
        return None
    return round(float(both.corrcoef()[0, 1]), DECIMALS)


def _ask(model: ProbedModel, relation: Relation, run: RelationRun, most_pairs: int, seed: int) -> dict[str, _Asked]:
    """The relation in the completion that the model answers best; nothing if there is none, or no head has a score."""
    n_heads = model.shape.n_layers * model.shape.n_heads
    n_off = next((n_off for size, n_off in HEADS_OFF.items() if n_heads < size), MOST_OFF)
    heads = [name for name in run.ranked() if run.score(name) > 0][:n_off]
    if not heads or not relation.completions:
        return {}
    pairs = chosen_pairs(relation, model, relation.completions, most_pairs, torch.Generator().manual_seed(seed))
    tried = [LastPosition(model, carrier(model, text, pairs)) for text in relation.completions]
    best = max(tried, key=LastPosition.accuracy)
    return {relation.id: _Asked(heads, best, len(pairs), best.accuracy())}


def _ablate(model: ProbedModel, one: _Asked, asked: dict[str, _Asked], seed: int) -> RelationAblation:
    """Accuracy without the heads of a relation, beside random heads and other relations."""
    curve = [one.baseline]
    while len(curve) <= len(one.heads):
        curve.append(one.last.accuracy(one.heads[: len(curve)]))
    n_off = next((n for n, accuracy in enumerate(curve) if n and accuracy == 0), len(one.heads))
    off = one.heads[:n_off]
    return RelationAblation(
        completion=one.last.text,
        n_pairs=one.n_pairs,
        heads=[str(name) for name in one.heads],
        accuracies=[round(accuracy, DECIMALS) for accuracy in curve],
        n_off=n_off,
        random=[round(one.last.accuracy(draw), DECIMALS) for draw in _random_heads(model, one.heads, n_off, seed)],
        controls=[
            Control(
                relation=name,
                completion=other.last.text,
                n_pairs=other.n_pairs,
                baseline=round(other.baseline, DECIMALS),
                ablated=round(other.last.accuracy(off), DECIMALS),
            )
            for name, other in list(_controls(one, asked))[:MOST_CONTROLS]
        ],
    )


def _random_heads(model: ProbedModel, heads: Sequence[HeadName], n_off: int, seed: int) -> list[list[HeadName]]:
    """Sets of as many heads from outside those of the relation."""
    shape = model.shape
    every = [HeadName(layer, head) for layer in shape.attention_layers for head in range(shape.n_heads)]
    others = [name for name in every if name not in set(heads)]
    if len(others) < n_off:
        raise BadInputError(f"{n_off} heads to remove and {len(others)} others; nothing can be compared")
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(len(others), generator=generator)[:n_off].tolist() for _ in range(N_DRAWS)]
    return [[others[place] for place in order] for order in orders]


def _controls(one: _Asked, asked: dict[str, _Asked]) -> Iterator[tuple[str, _Asked]]:
    """Relations with few heads in common and a similar accuracy."""
    for name, other in asked.items():
        overlap = len(set(one.heads) & set(other.heads)) / len(one.heads)
        is_near = abs(one.baseline - other.baseline) < LARGEST_DIFFERENCE
        if other is not one and overlap < LARGEST_OVERLAP and is_near:
            yield name, other
