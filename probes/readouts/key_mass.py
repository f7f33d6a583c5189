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
from probes.shapes import PerHead


@dataclass(frozen=True, eq=False)
class KeyMass(ChosenKeysReadOut):
    """Attention from queries to their chosen keys, from 0 to 1."""

    def read(self, call: AttentionCall) -> PerHead:
        """The same, out of a call whose blocks were not visited: one dot product for every key.

        Args:
            call: The layer's attention call.

        Returns:
            Shape (batch, head).
        """
        keys = self.key_positions.to(call.device)
        n_rows = (keys >= 0).any(-1).sum(-1)[:, None]
        is_seen = call.visible(keys).flatten(1).any(1)[:, None]
        return torch.where(is_seen, call.probabilities(keys).double().sum((2, 3)) / n_rows, torch.nan)

    @staticmethod
    def collector(read_outs: Sequence[Any]) -> Collector:
        """All keys side by side."""
        return _KeyMassCollector(read_outs)


class _KeyMassCollector(ChosenKeysCollector):
    def of_entries(self, entries: Entries, block: Block) -> Tensor:
        return entries.of_pattern(block.pattern)
