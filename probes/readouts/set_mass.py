"""Attention to sets of keys: attention applied to indicator columns in place of the values, many sets at once."""

from dataclasses import dataclass, replace

from torch import Tensor

from probes.blocks import Block
from probes.calls import AttentionCall
from probes.readouts.base import ColumnReadOut, ReadOut
from probes.readouts.division import OfFewQueries
from probes.shapes import AttendedColumns, KeySets, PerHead


@dataclass(frozen=True, eq=False)
class SetMass(ColumnReadOut):
    """Attention to each set of keys, averaged over the queries that count: (batch, head, n_sets), from 0 to 1."""

    sets: KeySets
    """Shape (sample, n_sets, key_pos); keys that a query may not see get nothing."""

    def within(self, piece: slice) -> "SetMass":
        """The queries of the piece, and the keys up to its end."""
        return replace(super().within(piece), sets=self.sets[..., : piece.stop])

    def columns(self, n_keys: int) -> Tensor:
        """One column a set."""
        return self.sets.float()

    def of_attended(self, attended: AttendedColumns, block: Block) -> PerHead:
        """Masses of the rows: what was attended to."""
        return attended


@dataclass(frozen=True, eq=False)
class SetMassAt(OfFewQueries, ReadOut):
    """Attention of a few queries to each set of keys."""

    sets: KeySets
    """Shape (sample, n_sets, key_pos)."""

    def read(self, call: AttentionCall) -> PerHead:
        """Masses of one layer.

        Returns:
            Shape (batch, head, n_rows, n_sets), from 0 to 1; 0 for missing rows.
        """
        rows = call.rows(self.query_positions.to(call.device))
        sets = self.sets[..., : rows.shape[-1]].to(call.device, rows.dtype)
        return rows @ sets.transpose(1, 2)[:, None]
