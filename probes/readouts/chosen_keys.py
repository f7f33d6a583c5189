"""What is read at keys that are chosen for every query."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from probes.readouts.base import BlockReadOut
from probes.readouts.division import mean_of_pieces
from probes.shapes import KeyPositions, PerHead, Reading

Chosen = TypeVar("Chosen", bound="ChosenKeysReadOut")


@dataclass(frozen=True, eq=False)
class ChosenKeysReadOut(BlockReadOut):
    """Something of the entries at chosen keys, summed over keys and averaged over the queries that have any.

    Shape (batch, head); not a number for a sample in which the layer sees none of the keys, such as a sliding window
    that is shorter than the way back to them.
    """

    key_positions: KeyPositions
    """Shape (sample, query_pos, n_keys), counted from 0; -1 where there is none."""

    def within(self: Chosen, piece: slice) -> Chosen:
        """The keys of the queries of the piece."""
        return replace(self, key_positions=self.key_positions[:, piece])

    def joined(self, readings: Sequence[Tensor], pieces: Sequence[slice]) -> Reading:
        """The mean over the queries of all pieces."""
        return mean_of_pieces(readings, (self.key_positions >= 0).any(-1), pieces)

    @cached_property
    def _n_queries(self) -> Int[Tensor, " batch"]:
        """Queries that have any key."""
        return (self.key_positions >= 0).any(-1).sum(-1)

    def mean(self, sums: PerHead, is_seen: Bool[Tensor, " batch"]) -> PerHead:
        """Mean over the queries that have any key.

        Args:
            sums: Sums over queries, shape (batch, head).
            is_seen: Whether the layer sees any of the keys of a sample.

        Returns:
            Shape (batch, head); not a number where nothing is seen.
        """
        return torch.where(is_seen[:, None], sums / self._n_queries[:, None].to(sums.device), torch.nan)
