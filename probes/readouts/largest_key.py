"""How often the key with the most attention is one of those that count."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from probes.kernels import Block
from probes.readouts.base import Collector, RowReadOut
from probes.readouts.chosen_keys import ChosenKeysCollector, ChosenKeysReadOut, Entries
from probes.shapes import PerHead


@dataclass(frozen=True, eq=False)
class LargestIsChosen(ChosenKeysReadOut):
    """Share of queries whose largest key is among those chosen for them, from 0 to 1."""

    @staticmethod
    def collector(read_outs: Sequence[Any]) -> Collector:
        """All keys side by side."""
        return _LargestIsChosenCollector(read_outs)


class _LargestIsChosenCollector(ChosenKeysCollector):
    def sums(self, entries: Entries, block: Block) -> Tensor:
        n_samples, _, n_rows = block.largest_key.shape
        owner = torch.arange(self.n_owners, device=block.device).view(-1, n_samples, 1, 1)
        row = torch.arange(n_rows, device=block.device)
        hits = entries.holds(owner, row, block.largest_key - block.first_key)
        return hits.sum(-1).flatten(0, 1).T.double()


@dataclass(frozen=True, eq=False)
class LargestIsInSet(RowReadOut):
    """Share of queries whose largest key belongs to a set of keys: (batch, head), from 0 to 1."""

    keys: Bool[Tensor, "batch key_pos"]
    """Keys of the set, shape (sample, key_pos)."""

    def of_rows(self, block: Block) -> PerHead:
        """1 where the largest key is in the set, 0 elsewhere; shape (batch, head, rows)."""
        sample = torch.arange(len(self.keys), device=block.device)[:, None, None]
        hits = self.keys.to(block.device)[sample, block.largest_key.clamp(min=0)] & (block.largest_key >= 0)
        return hits.float()
