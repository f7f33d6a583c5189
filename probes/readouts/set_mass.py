"""Attention to sets of keys: attention applied to indicator columns in place of the values, many sets in one call."""

from dataclasses import dataclass

import torch
from torch import Tensor

from probes.calls import AttentionCall
from probes.readouts.base import ColumnReadOut, ReadOut, mean_over
from probes.shapes import AttendedColumns, KeySets, PerHead, Queried, QueryPositions


@dataclass(frozen=True, eq=False)
class SetMass(ColumnReadOut):
    """Attention to each set of keys, averaged over the queries that count."""

    sets: KeySets
    """Shape (sample, n_sets, key_pos); keys that a query may not see get nothing."""

    queries: Queried
    """Shape (sample, query_pos)."""

    def columns(self, call: AttentionCall) -> Tensor:
        """One column a set."""
        return self.sets.transpose(1, 2).to(call.device, torch.float32)

    def finish(self, attended: AttendedColumns, call: AttentionCall) -> PerHead:
        """Masses, shape (batch, head, n_sets), from 0 to 1; not a number for a sample in which no query counts."""
        return mean_over(self.queries, attended)


@dataclass(frozen=True, eq=False)
class SetMassAt(ReadOut):
    """Attention of a few queries to each set of keys."""

    sets: KeySets
    """Shape (sample, n_sets, key_pos)."""

    query_positions: QueryPositions
    """Shape (sample, n_rows); -1 where there is none."""

    def read(self, call: AttentionCall) -> PerHead:
        """Masses of one layer.

        Returns:
            Shape (batch, head, n_rows, n_sets), from 0 to 1; 0 for missing rows.
        """
        rows = call.rows(self.query_positions.to(call.device))
        return rows @ self.sets.transpose(1, 2).to(call.device, rows.dtype)[:, None]
