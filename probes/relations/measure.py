"""Relation to heads: one request in, one record a relation out; what was measured before is not measured again."""

import hashlib
import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from catalog.record_files import earlier_record
from catalog.relation_runs import (
    KS,
    LEAST_PAIRS,
    THRESHOLD,
    Baselines,
    Hits,
    RelationRun,
    Sign,
    SignedHits,
    relation_run_path,
)
from catalog.relations import Relation
from catalog.runs import Matrix
from probes.adapters.base import ProbedModel
from probes.errors import BadInputError
from probes.provenance import code_sha256, provenance
from probes.relations import static
from probes.relations.source_vectors import MapOptions
from probes.relations.static import StaticCounts, count_static
from probes.relations.token_pairs import TokenPairs, token_pairs
from probes.standard import SEED
from probes.statistics import FALSE_DISCOVERY_RATE, q_values

LARGE_VOCABULARY = 100_000
"""Tokens from which a larger k is used."""

LARGER_K = {1: 3, 10: 25}
"""What the paper uses for models with a large vocabulary."""


@dataclass(frozen=True)
class RelationSettings:
    """How relations are scored; the defaults are the standard ones."""

    options: MapOptions = field(default_factory=MapOptions)
    n_random: int = static.N_RANDOM
    seed: int = SEED
    least_pairs: int = LEAST_PAIRS

    def __post_init__(self) -> None:
        if self.n_random < 1:
            raise BadInputError(f"{self.n_random} random maps; at least 1 is needed beside the heads")
        if self.least_pairs < 2:
            raise BadInputError(f"{self.least_pairs} pairs; a standard error needs at least 2")


def measure_relations(
    model: ProbedModel,
    relations: Sequence[Relation],
    settings: RelationSettings | None = None,
    *,
    finished: Path | None = None,
    progress: bool = True,
) -> list[RelationRun]:
    """Static scores of every head for relations, all in one batch.

    Args:
        model: The model.
        relations: The relations.
        settings: How they are scored; the standard settings if left out.
        finished: Folder of earlier runs; those that answer the same question are taken from there.
        progress: Show a progress bar on standard error.

    Returns:
        One record a relation, in their order; those that the tokenizer leaves too few pairs of hold no scores.

    Raises:
        BadInputError: no relation is named, or the model has no tokenizer.
        UnsupportedModelError: the weights of the model cannot be told apart by head, or are not in memory.
    """
    settings = settings or RelationSettings()
    if not relations:
        raise BadInputError("no relation to measure; data/relations holds one file a relation")
    if model.tokenizer is None:
        raise BadInputError("this model has no tokenizer, so words have no tokens; load it with one")
    in_tokens = [token_pairs(relation, model.tokenizer, model.shape.d_vocab) for relation in relations]
    headers = [_header(model, one, pairs, settings) for one, pairs in zip(relations, in_tokens, strict=True)]
    earlier = [_earlier(model, header, finished) for header in headers]
    missing = [pairs for pairs, run in zip(in_tokens, earlier, strict=True) if run is None]
    defined = [pairs for pairs in missing if len(pairs) >= settings.least_pairs]
    began = time.perf_counter()
    counts = _count(model, defined, settings, progress=progress) if defined else {}
    seconds = time.perf_counter() - began
    return [
        run or _record(model, header, counts.get(header["relation"]), seconds)
        for header, run in zip(headers, earlier, strict=True)
    ]


def _count(
    model: ProbedModel, relations: Sequence[TokenPairs], settings: RelationSettings, *, progress: bool
) -> dict[str, StaticCounts]:
    with Progress(console=Console(stderr=True), transient=True, disable=not progress) as bars:
        bar = bars.add_task(f"Reading {len(relations)} relations, layer by layer", total=model.shape.n_layers)
        return count_static(
            model,
            relations,
            settings.options,
            n_random=settings.n_random,
            seed=settings.seed,
            advance=lambda layer: bars.update(bar, completed=layer + 1),
        )


def _header(model: ProbedModel, relation: Relation, pairs: TokenPairs, settings: RelationSettings) -> dict[str, Any]:
    """Everything of a record that is known before it is measured; equal headers are the same question."""
    return {
        "relation": relation.id,
        "category": relation.category,
        "definition": relation.definition,
        "pairs_sha256": pairs_sha256(relation),
        "model": model.record,
        "n_candidates": pairs.n_candidates,
        "n_pairs": len(pairs),
        "n_targets": pairs.n_targets,
        "majority": round(pairs.majority, 4),
        "least_pairs": settings.least_pairs,
        **asdict(settings.options),
        "n_random": settings.n_random,
        "seed": settings.seed,
        "k": own_k(model, relation),
        "threshold": THRESHOLD,
        "false_discovery_rate": FALSE_DISCOVERY_RATE,
    }


def pairs_sha256(relation: Relation) -> str:
    """SHA-256 over the pairs of a relation, before any tokenizer is asked."""
    text = json.dumps(relation.targets, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def own_k(model: ProbedModel, relation: Relation) -> int:
    """The k that heads are called by; larger for a large vocabulary."""
    return LARGER_K.get(relation.k, relation.k) if model.shape.d_vocab >= LARGE_VOCABULARY else relation.k


def _earlier(model: ProbedModel, header: dict[str, Any], folder: Path | None) -> RelationRun | None:
    """A run in the folder that answers the question, made by the same code."""
    if folder is None:
        return None
    run = earlier_record(relation_run_path(folder, model.record.slug, header["relation"]), RelationRun)
    if run is None or any(getattr(run, name) != value for name, value in header.items()):
        return None
    same = run.provenance.dtype == _dtype(model) and run.provenance.code_sha256 == code_sha256("relations.measure")
    return run if same else None


def _record(model: ProbedModel, header: dict[str, Any], counts: StaticCounts | None, seconds: float) -> RelationRun:
    """The record of a relation; without scores if it is not defined."""
    signs: tuple[Sign, ...] = ("writes", "suppresses")
    scores = {} if counts is None else {sign: _signed(counts, sign, header["k"]) for sign in signs}
    how = provenance(
        "relations.measure",
        seconds=seconds if scores else 0.0,
        device=str(model.device),
        dtype=_dtype(model),
        attention="none",
    )
    return RelationRun(**header, **scores, provenance=how)


def _signed(counts: StaticCounts, sign: Sign, k: int) -> SignedHits:
    heads, ks = counts.heads.beyond(sign), sorted({*KS, k})
    return SignedHits(
        hits={n: hits_by_head(heads, n) for n in ks},
        q_values=_q_values(heads, _null(counts.first, sign, k), _null(counts.later, sign, k), k),
        first=_baselines(counts.first, sign, ks),
        later=_baselines(counts.later, sign, ks),
    )


def _baselines(baselines: static.Baselines, sign: Sign, ks: Sequence[int]) -> Baselines:
    no_head, random = baselines.no_head.beyond(sign), baselines.random.beyond(sign)
    return Baselines(
        no_head={k: int((no_head < k).sum()) for k in ks}, random={k: (random < k).sum(0).tolist() for k in ks}
    )


def _null(baselines: static.Baselines, sign: Sign, k: int) -> Tensor:
    """The larger, pair by pair, of a hit without a head and the share of random maps that hit."""
    no_head, random = baselines.no_head.beyond(sign), baselines.random.beyond(sign)
    return (no_head < k).double().maximum((random < k).double().mean(1))


def hits_by_head(heads: Tensor, k: int) -> Hits:
    """Number of pairs hit at k by every head, from counts of shape (pair, layer, head)."""
    is_scored = (heads != static.NOT_SCORED).all(0)
    hits = ((heads >= 0) & (heads < k)).sum(0)
    rows = zip(hits.tolist(), is_scored.tolist(), strict=True)
    return [[hit if scored else None for hit, scored in zip(*row, strict=True)] for row in rows]


def _q_values(heads: Tensor, first: Tensor, later: Tensor, k: int) -> Matrix:
    """Of every head against its null, pair by pair."""
    scores = torch.where(heads == static.NOT_SCORED, torch.nan, (heads < k).double())
    nulls = torch.cat([first[:, None], later[:, None].expand(-1, heads.shape[1] - 1)], dim=1)
    q = q_values(scores, nulls[:, :, None].expand_as(scores).where(scores.isfinite(), torch.nan))
    return [[None if math.isnan(value) else float(f"{value:.3g}") for value in row] for row in q.tolist()]


def _dtype(model: ProbedModel) -> str:
    return str(model.dtype).removeprefix("torch.")
