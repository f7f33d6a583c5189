"""Everything that the weights of one head say: copying, matching, succession, directions in words, partners."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from catalog.ids import HeadName
from probes.adapters.base import ProbedModel
from probes.circuits.composed_pairs import Pairs
from probes.circuits.composition import KINDS, composition
from probes.circuits.direction_tokens import NamedDirection, named_directions
from probes.circuits.eigenvalues import eigenvalue_ratio, embedding_product, is_tied, small_circuits
from probes.circuits.full_ov import own_token_hits_by_layer
from probes.circuits.matching import pair_hits_by_layer
from probes.circuits.succession import Series, defined_tasks, guesses_by_layer
from probes.errors import BadInputError
from probes.single_tokens import random_tokens

N_TOKENS = 1000
"""Tokens of the vocabulary that are asked for copying and matching."""

N_EXTREME = 10
"""Logits that count as highest or lowest."""


@dataclass(frozen=True)
class Share:
    """How often something was found, beside chance."""

    found: float
    """From 0 to 1."""

    chance: float
    n_asked: int


@dataclass(frozen=True)
class Partners:
    """Composition of one kind with other heads."""

    reads_from: Pairs
    """Earlier heads that this one reads."""

    read_by: Pairs
    """Later heads that read this one."""

    baseline: float
    """Composition of random circuits."""


@dataclass(frozen=True)
class HeadCircuits:
    """What one head does by its weights."""

    model: str
    head: HeadName
    eigenvalue_ratio: float
    """Sum of the eigenvalues of the OV circuit over the vocabulary by the sum of their sizes, from -1 to 1."""

    has_tied_embeddings: bool
    """Whether embedding and unembedding are the same, which misleads the eigenvalues."""

    copying: Share
    """Tokens that are among those the head raises most when it attends to them."""

    suppression: Share
    """Tokens that are among those it lowers most."""

    self_matching: Share
    """Tokens whose best key is the token itself."""

    succession: dict[str, Share]
    """By ordered series: items whose next item the head raises most; empty if no series is defined."""

    ov: list[NamedDirection]
    qk: list[NamedDirection]
    partners: dict[str, Partners]
    """By kind: "Q", "K", "V"."""

    @property
    def succession_score(self) -> float | None:
        """Mean over the series, or None where there is none."""
        found = [share.found for share in self.succession.values()]
        return sum(found) / len(found) if found else None


def head_circuits(
    model: ProbedModel,
    head: HeadName,
    *,
    n_directions: int = 3,
    n_partners: int = 5,
    seed: int = 0,
    progress: bool = False,
) -> HeadCircuits:
    """Read one head from its weights.

    Args:
        model: The model.
        head: The head.
        n_directions: Singular directions of each circuit.
        n_partners: Partners of each kind, earlier and later.
        seed: Seed of the tokens that are asked.
        progress: Show progress bars on standard error.

    Returns:
        The scores, each as its function defines it, all with effective embeddings but the eigenvalues.

    Raises:
        BadInputError: the model has no such head.
        UnsupportedModelError: the architecture keeps its weights in a way we do not know.
    """
    _check(model, head)
    layer, number = head
    tokens = random_tokens(model, N_TOKENS, torch.Generator().manual_seed(seed))
    chance = N_EXTREME / model.weights.W_U.shape[1]
    copying, suppression = (
        _share(own_token_hits_by_layer(model, tokens, n_extreme=N_EXTREME, is_lowest=is_lowest), head, chance)
        for is_lowest in (False, True)
    )
    matching = _share(pair_hits_by_layer(model, torch.stack([tokens, tokens], dim=1)), head, 1 / len(tokens))
    everything = torch.arange(min(model.weights.W_E.shape[0], model.weights.W_U.shape[1]))
    product = embedding_product(model, everything, everything)[None]
    small = small_circuits(model.weights.layer(layer), model.weights.final_norm, product)
    ov, qk = named_directions(model, layer, number, n_directions=n_directions)
    return HeadCircuits(
        model=model.record.name,
        head=head,
        eigenvalue_ratio=float(eigenvalue_ratio(small[0, number])),
        has_tied_embeddings=is_tied(model),
        copying=copying,
        suppression=suppression,
        self_matching=matching,
        succession=_succession(model, head),
        ov=ov,
        qk=qk,
        partners={kind: _partners(model, head, kind, n_partners, progress=progress) for kind in KINDS},
    )


def _check(model: ProbedModel, head: HeadName) -> None:
    shape = model.shape
    if head.layer >= shape.n_layers or head.head >= shape.n_heads:
        sizes = f"{shape.n_layers} layers of {shape.n_heads} heads, counted from 0"
        raise BadInputError(f"{head}: {model.record.name} has {sizes}")
    if head.layer not in shape.attention_layers:
        raise BadInputError(f"{head}: layer {head.layer} of {model.record.name} has no softmax attention")


def _share(hits_by_layer: Callable[[int], Tensor], head: HeadName, chance: float) -> Share:
    hits = hits_by_layer(head.layer)[0, :, head.head]
    return Share(float(hits.mean()), chance, len(hits))


def _succession(model: ProbedModel, head: HeadName) -> dict[str, Share]:
    tasks, _ = defined_tasks(model.tokenizer)
    return {name: _share_of_series(model, head, forms) for name, forms in tasks.items()}


def _share_of_series(model: ProbedModel, head: HeadName, forms: Sequence[Series]) -> Share:
    guessed = guesses_by_layer(model, forms)(head.layer)[0, :, head.head]
    wanted = torch.cat([series.pairs[:, 1] for series in forms])
    chances = [1 / len(series.items) for series in forms for _ in series.pairs]
    return Share(float((guessed == wanted).double().mean()), sum(chances) / len(chances), len(wanted))


def _partners(model: ProbedModel, head: HeadName, kind: str, n: int, *, progress: bool) -> Partners:
    found = composition(model, kind, only_layer=head.layer, progress=progress)
    return Partners(found.writers_into(head, n), found.readers_of(head, n), found.baseline)
