"""Which keys get the most attention."""

from dataclasses import dataclass

import torch

from probes.calls import AttentionCall
from probes.readouts.base import ReadOut
from probes.shapes import PerHead, QueryPositions


@dataclass(frozen=True, eq=False)
class TopKeys(ReadOut):
    """Positions of the keys that get the most attention from a few queries."""

    query_positions: QueryPositions
    """Shape (sample, n_rows); -1 where there is none."""

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
