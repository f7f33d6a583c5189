"""Attention to keys that are chosen for every query."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from probes.blocks import Block
from probes.calls import AttentionCall
from probes.readouts.base import ByMask, Collector
from probes.readouts.chosen_keys import ChosenKeysReadOut
from probes.readouts.entries import ChosenPairs
from probes.shapes import PerHead


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
        return [
            read_out.mean(own.double().sum((2, 3)), is_seen.flatten(1).any(1))
            for read_out, is_seen, own in zip(read_outs, seen, entries, strict=True)
        ]

    @staticmethod
    def collector(read_outs: Sequence[Any]) -> Collector:
        """All keys side by side."""
        return _KeyMassCollector(read_outs)


class _KeyMassCollector(Collector):
    """The pairs of all read-outs side by side: one gather a block."""

    def __init__(self, read_outs: Sequence[KeyMass]) -> None:
        self._read_outs = read_outs
        self._entries = ByMask(ChosenPairs([read_out.key_positions for read_out in read_outs]).entries)
        self._sums: Any = 0
        self._is_seen: Any = False

    def take(self, block: Block) -> None:
        entries = self._entries(block)
        self._sums = self._sums + entries.sums(block.pattern)
        self._is_seen = self._is_seen | entries.is_owner

    def finish(self) -> list[PerHead]:
        by_table = (len(self._read_outs), -1)
        sums, is_seen = self._sums.T.unflatten(0, by_table), self._is_seen.view(by_table)
        self._sums, self._is_seen = 0, False
        return [read_out.mean(*part) for read_out, *part in zip(self._read_outs, sums, is_seen, strict=True)]
