"""Which keys get the most attention."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from probes.calls import AttentionCall
from probes.readouts.base import ReadOut
from probes.readouts.division import OfFewQueries
from probes.shapes import PerHead, Reading


@dataclass(frozen=True, eq=False)
class TopKeys(OfFewQueries, ReadOut):
    """Positions of the keys that get the most attention from a few queries."""

    n_keys: int = 1
    """How many keys of each query; no more than the input has positions."""

    def read(self, call: AttentionCall) -> PerHead:
        """Positions of one layer.

        Returns:
            Shape (batch, head, n_rows, n_keys), most attended first; -1 for missing rows.
        """
        positions = self.query_positions.to(call.device)
        top = call.rows(positions).topk(self.n_keys, dim=-1).indices
        return torch.where((positions >= 0)[:, None, :, None], top, -1)

    def joined(self, readings: Sequence[Tensor], pieces: Sequence[slice]) -> Reading:
        """The queries of all pieces; where a query is missing, -1 was read."""
        return torch.stack(list(readings)).amax(0)
