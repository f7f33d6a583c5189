"""Values: what each head would hand to the output projection if it attended to one position alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from probes.calls import AttentionCall
from probes.readouts.base import ReadOut
from probes.shapes import PerHead, QueryPositions, Reading


@dataclass(frozen=True, eq=False)
class Value(ReadOut):
    """Value vectors of chosen positions, the bias of W_V included."""

    key_positions: QueryPositions
    """Shape (sample, n_rows)."""

    def within(self, piece: slice) -> "Value":
        """The same positions; those that come later are left to a later piece."""
        return replace(self, key_positions=torch.where(self.key_positions < piece.stop, self.key_positions, 0))

    def joined(self, readings: Sequence[Tensor], pieces: Sequence[slice]) -> Reading:
        """What the last piece shows: it has all keys."""
        return readings[-1]

    def read(self, call: AttentionCall) -> PerHead:
        """Values of one layer, as every query head sees them.

        Returns:
            Shape (batch, head, n_rows, d_value) in float32.
        """
        values = call.values()
        positions = self.key_positions.to(call.device)[:, None, :, None]
        return values.gather(2, positions.expand(-1, values.shape[1], -1, values.shape[3])).float()
