"""Attention to keys that are chosen for every query: one dot product each, O(length)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from probes.calls import AttentionCall
from probes.readouts.base import ReadOut
from probes.shapes import KeyPositions, KeyProbabilities, PerHead


@dataclass(frozen=True, eq=False)
class KeyMass(ReadOut):
    """Attention from queries to their chosen keys, summed over keys and averaged over the queries that have any."""

    key_positions: KeyPositions
    """Shape (sample, query_pos, n_keys), counted from 0; -1 where there is none."""

    def read(self, call: AttentionCall) -> PerHead:
        """Masses of one layer.

        Returns:
            Shape (batch, head), from 0 to 1; not a number for a sample in which the layer sees none of the keys, such
            as a sliding window that is shorter than the way back to them.
        """
        return self._mean(call, call.probabilities(self.key_positions.to(call.device)))

    @staticmethod
    def read_together(read_outs: Sequence[Any], call: AttentionCall) -> list[PerHead]:
        """Masses of several targets, all keys side by side."""
        keys = [read_out.key_positions.to(call.device) for read_out in read_outs]
        probabilities = call.probabilities(torch.cat(keys, dim=-1))
        parts = probabilities.split([part.shape[-1] for part in keys], dim=-1)
        return [read_out._mean(call, part) for read_out, part in zip(read_outs, parts, strict=True)]

    def _mean(self, call: AttentionCall, probabilities: KeyProbabilities) -> PerHead:
        keys = self.key_positions.to(call.device)
        n_rows = (keys >= 0).any(-1).sum(-1)[:, None]
        is_seen = call.visible(keys).flatten(1).any(1)[:, None]
        return torch.where(is_seen, probabilities.double().sum((2, 3)) / n_rows, torch.nan)
