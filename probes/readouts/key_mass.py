"""Attention to keys that are chosen for every query."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from probes.calls import AttentionCall
from probes.kernels import Block
from probes.readouts.base import Collector
from probes.readouts.chosen_keys import ChosenKeysCollector, ChosenKeysReadOut, Entries
from probes.shapes import KeyPositions, KeyProbabilities, PerHead


@dataclass(frozen=True, eq=False)
class KeyMass(ChosenKeysReadOut):
    """Attention from queries to their chosen keys, from 0 to 1."""

    @staticmethod
    def read_all(read_outs: Sequence["KeyMass"], call: AttentionCall) -> list[PerHead]:
        """The same, out of a call whose blocks were not visited: one dot product for every key, one gather for all.

        Args:
            read_outs: What to read.
            call: The layer's attention call.

        Returns:
            Shape (batch, head) for each.
        """
        tables = [read_out.key_positions.to(call.device) for read_out in read_outs]
        keys, widths = torch.cat(tables, dim=-1), [table.shape[-1] for table in tables]
        seen, entries = call.visible(keys).split(widths, dim=-1), call.probabilities(keys).split(widths, dim=-1)
        return [_mean(*parts) for parts in zip(tables, seen, entries, strict=True)]

    @staticmethod
    def collector(read_outs: Sequence[Any]) -> Collector:
        """All keys side by side."""
        return _KeyMassCollector(read_outs)


def _mean(keys: KeyPositions, seen: Tensor, entries: KeyProbabilities) -> PerHead:
    n_rows = (keys >= 0).any(-1).sum(-1)[:, None]
    return torch.where(seen.flatten(1).any(1)[:, None], entries.double().sum((2, 3)) / n_rows, torch.nan)


class _KeyMassCollector(ChosenKeysCollector):
    def sums(self, entries: Entries, block: Block) -> Tensor:
        sums = torch.zeros(block.pattern.shape[1], self.n_owners, dtype=torch.float64, device=block.device)
        return sums.index_add_(1, entries.owner, entries.of_pattern(block.pattern).double())
