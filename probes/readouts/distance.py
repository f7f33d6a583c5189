"""How far back each head looks."""

from dataclasses import dataclass

import torch
from torch import Tensor

from probes.calls import AttentionCall
from probes.readouts.base import ColumnReadOut, mean_over
from probes.shapes import AttendedColumns, PerHead, Queried


@dataclass(frozen=True, eq=False)
class Distance(ColumnReadOut):
    """Mean distance from a query to where it attends, averaged over the queries that count."""

    queries: Queried
    """Shape (sample, query_pos)."""

    def columns(self, call: AttentionCall) -> Tensor:
        """The position of every key, and a one that counts how much attention goes to keys at all."""
        key_pos = torch.arange(call.n_keys, device=call.device, dtype=torch.float32)
        columns = torch.stack([key_pos, torch.ones_like(key_pos)], dim=-1)
        return columns.expand(call.n_samples, -1, -1)

    def finish(self, attended: AttendedColumns, call: AttentionCall) -> PerHead:
        """Distances Σ A (query_pos - key_pos), shape (batch, head), in tokens; later keys count as negative."""
        query_pos = torch.arange(call.n_queries, device=call.device) + call.first_query
        return mean_over(self.queries, query_pos * attended[..., 1] - attended[..., 0])
