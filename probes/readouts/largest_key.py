"""How often the key with the most attention is one of those that count."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn.functional import pad

from probes.blocks import Block
from probes.readouts.base import ByMask, Collector, MeanReadOut, mean_over
from probes.readouts.chosen_keys import ChosenKeysReadOut
from probes.shapes import KeyPositions, PerHead

LargestKeys = Int[Tensor, "batch head query_pos"]
"""Key with the most attention from every query; -1 where a query sees none."""


class _LargestKeyCollector(Collector):
    """Puts together what the blocks of a layer give; it is looked at once a layer."""

    def __init__(self, read_outs: Sequence[Any]) -> None:
        self._read_outs = read_outs
        self._parts: list[LargestKeys] = []

    def take(self, block: Block) -> None:
        self._parts.append(block.largest_key)

    def whole(self) -> LargestKeys:
        """The largest keys of the layer; the collector is then ready for the next."""
        whole = torch.cat(self._parts, dim=2)
        self._parts = []
        return whole


@dataclass(frozen=True, eq=False)
class LargestIsInSet(MeanReadOut):
    """Share of queries whose largest key belongs to a set of keys: (batch, head), from 0 to 1."""

    keys: Bool[Tensor, "batch key_pos"]
    """Keys of the set, shape (sample, key_pos)."""

    def of_largest(self, largest: LargestKeys) -> PerHead:
        """The share of each head.

        Args:
            largest: The largest keys of a layer.

        Returns:
            Shape (batch, head).
        """
        sample = torch.arange(len(self.keys), device=largest.device)[:, None, None]
        hits = self.keys.to(largest.device)[sample, largest.clamp(min=0)] & (largest >= 0)
        return mean_over(self.queries, hits.float())

    @staticmethod
    def collector(read_outs: Sequence[Any]) -> Collector:
        """The largest keys are put together once for all."""
        return _InSetCollector(read_outs)


class _InSetCollector(_LargestKeyCollector):
    def finish(self) -> list[PerHead]:
        largest = self.whole()
        return [read_out.of_largest(largest) for read_out in self._read_outs]


@dataclass(frozen=True, eq=False)
class LargestIsChosen(ChosenKeysReadOut):
    """Share of queries whose largest key is among those chosen for them, from 0 to 1."""

    @cached_property
    def _in_order(self) -> KeyPositions:
        """The chosen keys in order, behind one that is missing, so that there is at least one."""
        return pad(self.key_positions, (1, 0), value=-1).sort(-1).values

    def of_largest(self, largest: LargestKeys, is_seen: Bool[Tensor, " batch"]) -> PerHead:
        """The share of each head.

        Args:
            largest: The largest keys of a layer.
            is_seen: Whether the layer sees any of the chosen keys of a sample.

        Returns:
            Shape (batch, head).
        """
        keys, wanted = self._in_order.to(largest.device), largest.transpose(1, 2).contiguous()
        place = torch.searchsorted(keys, wanted).clamp(max=keys.shape[-1] - 1)
        hits = (keys.gather(-1, place) == wanted) & (wanted >= 0)
        return self.mean(hits.sum(1).double(), is_seen)

    def sees_any(self, block: Block) -> Bool[Tensor, " batch"]:
        """Whether a query of a block sees any of its keys, for every sample."""
        keys = self.key_positions[:, block.start : block.stop].to(block.device)
        sample = torch.arange(len(keys), device=block.device)[:, None, None]
        query_pos = torch.arange(block.start, block.start + keys.shape[1], device=block.device)[:, None]
        seen = block.scoring.visible(sample, query_pos[None], keys.clamp(min=0))
        return (seen & (keys >= 0)).flatten(1).any(1)

    @staticmethod
    def collector(read_outs: Sequence[Any]) -> Collector:
        """The largest keys are put together once for all."""
        return _ChosenCollector(read_outs)


class _ChosenCollector(_LargestKeyCollector):
    def __init__(self, read_outs: Sequence[LargestIsChosen]) -> None:
        super().__init__(read_outs)
        self._see_any = ByMask(partial(_see_any, read_outs))
        self._is_seen: Any = False

    def take(self, block: Block) -> None:
        super().take(block)
        self._is_seen = self._is_seen | self._see_any(block)

    def finish(self) -> list[PerHead]:
        largest, is_seen = self.whole(), self._is_seen
        self._is_seen = False
        return [read_out.of_largest(largest, seen) for read_out, seen in zip(self._read_outs, is_seen, strict=True)]


def _see_any(read_outs: Sequence[LargestIsChosen], block: Block) -> Bool[Tensor, "read_out batch"]:
    return torch.stack([read_out.sees_any(block) for read_out in read_outs])
