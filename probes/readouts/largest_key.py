"""How often the key with the most attention is one of those that count."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from probes.calls import AttentionCall
from probes.kernels import Block
from probes.readouts.base import BlockReadOut, Collector, MeanReadOut, mean_over
from probes.readouts.chosen_keys import ChosenKeysReadOut
from probes.shapes import KeyPositions, PerHead

LargestKeys = Int[Tensor, "batch head query_pos"]
"""Key with the most attention from every query; -1 where a query sees none."""


@dataclass(frozen=True, eq=False)
class LargestKeyReadOut(BlockReadOut):
    """Something of the largest keys of all queries, which the blocks of a layer give together."""

    @abstractmethod
    def of_largest(self, largest: LargestKeys, call: AttentionCall) -> PerHead:
        """What is wanted of a layer.

        Args:
            largest: Its largest keys.
            call: Its attention call.

        Returns:
            Shape (batch, head).
        """

    @staticmethod
    def collector(read_outs: Sequence[Any]) -> Collector:
        """The largest keys are found once for all."""
        return _LargestKeyCollector(read_outs)


class _LargestKeyCollector(Collector):
    def __init__(self, read_outs: Sequence[LargestKeyReadOut]) -> None:
        self._read_outs = read_outs
        self._parts: list[LargestKeys] = []

    def take(self, block: Block) -> None:
        self._parts.append(block.largest_key)

    def finish(self, call: AttentionCall) -> list[PerHead]:
        largest = torch.cat(self._parts, dim=2)
        self._parts = []
        return [read_out.of_largest(largest, call) for read_out in self._read_outs]


@dataclass(frozen=True, eq=False)
class LargestIsChosen(LargestKeyReadOut, ChosenKeysReadOut):
    """Share of queries whose largest key is among those chosen for them, from 0 to 1."""

    @cached_property
    def _in_order(self) -> KeyPositions:
        return self.key_positions.sort(-1).values

    def of_largest(self, largest: LargestKeys, call: AttentionCall) -> PerHead:
        """The share of each head."""
        keys, wanted = self._in_order.to(call.device), largest.transpose(1, 2).contiguous()
        place = torch.searchsorted(keys, wanted).clamp(max=keys.shape[-1] - 1)
        hits = (keys.gather(-1, place) == wanted) & (wanted >= 0)
        return self.mean(hits.sum(1).double(), call.visible(keys).flatten(1).any(1))


@dataclass(frozen=True, eq=False)
class LargestIsInSet(MeanReadOut, LargestKeyReadOut):
    """Share of queries whose largest key belongs to a set of keys: (batch, head), from 0 to 1."""

    keys: Bool[Tensor, "batch key_pos"]
    """Keys of the set, shape (sample, key_pos)."""

    def of_largest(self, largest: LargestKeys, call: AttentionCall) -> PerHead:
        """The share of each head."""
        sample = torch.arange(len(self.keys), device=call.device)[:, None, None]
        hits = self.keys.to(call.device)[sample, largest.clamp(min=0)] & (largest >= 0)
        return mean_over(self.queries, hits.float())
