"""Static scores: from the weights alone, whether a head that attends to a word pushes its counterpart up, or down.

For every pair of a relation, the target's rank in the row of the source: source vector, W_V, W_O, unembedding. All
relations are read in one batch; ranks from both ends give every k and both signs. Beside the heads stand two baselines
on the same pairs: no head at all, and random maps of a head's rank.

Source: elhelo-2024-maps. Differs from the paper: a tie counts against the target, several targets may be right, and
logits that cannot matter are not computed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Shaped
from torch import Tensor

from catalog.relation_runs import Sign
from probes.adapters.base import ProbedModel
from probes.relations.source_vectors import (
    MapOptions,
    SourceVectors,
    as_read,
    outputs_of,
    source_vectors,
    values_of,
)
from probes.relations.token_pairs import TokenPairs, side_by_side
from probes.relations.vocabulary_scan import FIRST_STRIDE, Scan

N_LARGEST = 25
"""Counts end here: the largest k that is asked for."""

N_RANDOM = 64
"""Random maps."""

MAPS_AT_ONCE = 8
"""Random maps that are held at a time."""

NOT_SCORED = -1
"""Stands for the counts of heads of layers without softmax attention."""


@dataclass(frozen=True)
class Counts:
    """Other tokens at least as extreme as the right ones, by pair; a pair is a hit at k if there are fewer than k."""

    above: Shaped[Tensor, "pair *map"]  # noqa: F821
    """Tokens that stand at least as high."""

    below: Shaped[Tensor, "pair *map"]  # noqa: F821
    """Tokens that stand at least as low."""

    def beyond(self, sign: Sign) -> Tensor:
        """Counts on the side where a sign looks for right targets."""
        return self.above if sign == "writes" else self.below

    def of(self, pairs: slice) -> "Counts":
        """Counts of some pairs."""
        return Counts(self.above[pairs], self.below[pairs])


@dataclass(frozen=True)
class Baselines:
    """What stands beside the heads of some layers, on the same source vectors."""

    no_head: Counts
    """The source vector goes straight to the unembedding, shape (pair,)."""

    random: Counts
    """Random maps of a head's rank in place of the head, shape (pair, draw)."""


@dataclass(frozen=True)
class StaticCounts:
    """Counts of one relation."""

    heads: Counts
    """Shape (pair, layer, head)."""

    first: Baselines
    """For heads of the first layer."""

    later: Baselines
    """For all others."""


def count_static(
    model: ProbedModel,
    relations: Sequence[TokenPairs],
    options: MapOptions,
    *,
    n_random: int = N_RANDOM,
    seed: int = 0,
    first_stride: int = FIRST_STRIDE,
    advance: Callable[[int], None] = lambda _: None,
) -> dict[str, StaticCounts]:
    """Count what stands beyond the right targets, for every head of a model and all relations in one batch.

    Args:
        model: The model.
        relations: In its tokens, at least one pair each.
        options: How the map of a head is read.
        n_random: Random maps.
        seed: Seed of the random maps.
        first_stride: See vocabulary_scan; changes the cost, never the counts.
        advance: Told the number of each layer that is finished.

    Returns:
        Counts by name of the relation; NOT_SCORED for heads of layers without softmax attention.

    Raises:
        UnsupportedModelError: the weights of the model cannot be told apart by head, or are not in memory.
    """
    sources, accepted = side_by_side(relations)
    unique, place = sources.unique(return_inverse=True)
    vectors = source_vectors(model, unique, options)
    batch = _Batch(model, options, accepted.to(model.weights.W_U.device), place, vectors, first_stride)
    heads = batch.heads(advance)
    generator = torch.Generator().manual_seed(seed)
    first, later = (batch.baselines(one, n_random, generator) for one in (vectors.first, vectors.later))
    ends = torch.tensor([len(one) for one in relations]).cumsum(0).tolist()
    return {
        one.relation: _part(slice(end - len(one), end), heads, first, later)
        for one, end in zip(relations, ends, strict=True)
    }


@dataclass(frozen=True)
class _Batch:
    """Pairs of all relations, and how they are read."""

    model: ProbedModel
    options: MapOptions
    accepted: Tensor
    place: Tensor
    """Number of each pair's source vector."""

    vectors: SourceVectors
    first_stride: int

    def heads(self, advance: Callable[[int], None]) -> Counts:
        """Counts of all heads, shape (pair, layer, head)."""
        shape = self.model.shape
        above, below = torch.full((2, len(self.place), shape.n_layers, shape.n_heads), NOT_SCORED, dtype=torch.int16)
        for layer in shape.attention_layers:
            weights = self.model.weights.layer(layer)
            values = values_of(weights, self.vectors.before(layer), self.options)
            by_head = values.repeat_interleave(weights.n_groups, 0)
            counts = self._count(by_head, outputs_of(self.model, weights, self.options))
            above[:, layer], below[:, layer] = counts.above, counts.below
            advance(layer)
        return Counts(above, below)

    def baselines(self, vectors: Tensor, n_random: int, generator: torch.Generator) -> Baselines:
        """Counts without a head and of random maps."""
        bare = self._count(as_read(self.model, vectors, self.options)[None], None)
        parts = []
        for start in range(0, n_random, MAPS_AT_ONCE):
            A, B = self._random_maps(min(MAPS_AT_ONCE, n_random - start), generator)
            parts.append(self._count(vectors.to(A) @ A, as_read(self.model, B, self.options)))
        random = Counts(torch.cat([one.above for one in parts], 1), torch.cat([one.below for one in parts], 1))
        return Baselines(Counts(bare.above[:, 0], bare.below[:, 0]), random)

    def _random_maps(self, n_maps: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Factors of random maps of a head's rank, with normal entries."""
        d_model, d_head = self.model.shape.d_model, self.model.shape.d_head
        A, B = torch.randn(2, n_maps, d_model, d_head, generator=generator).to(self.model.weights.W_U.device)
        return A, B.transpose(1, 2)

    def _count(self, values: Tensor, W_O: Tensor | None) -> Counts:
        """Counts of some maps, shape (pair, map)."""
        W_U = self.model.weights.W_U
        of_pairs = values.to(W_U.device)[:, self.place.to(W_U.device)]
        beyond = Scan(of_pairs, W_O, W_U, self.accepted).count(N_LARGEST, first_stride=self.first_stride)
        return Counts(beyond.above.T.cpu().short(), beyond.below.T.cpu().short())


def _part(pairs: slice, heads: Counts, first: Baselines, later: Baselines) -> StaticCounts:
    first, later = (Baselines(one.no_head.of(pairs), one.random.of(pairs)) for one in (first, later))
    return StaticCounts(heads.of(pairs), first, later)
