"""How far back each head looks."""

from dataclasses import dataclass

import torch
from torch import Tensor

from probes.blocks import Block
from probes.readouts.base import ColumnReadOut
from probes.shapes import AttendedColumns, PerHead


@dataclass(frozen=True, eq=False)
class Distance(ColumnReadOut):
    """Mean distance Σ A (query_pos - key_pos) in tokens, averaged over the queries that count: (batch, head)."""

    def columns(self, n_keys: int) -> Tensor:
        """The position of every key, and a one that counts how much attention goes to keys at all."""
        key_pos = torch.arange(n_keys, dtype=torch.float32)
        columns = torch.stack([key_pos, torch.ones_like(key_pos)])
        return columns.expand(len(self.queries), -1, -1)

    def of_attended(self, attended: AttendedColumns, block: Block) -> PerHead:
        """Distances of the rows, shape (batch, head, rows); later keys count as negative."""
        query_pos = torch.arange(block.start, block.stop, device=block.device) + block.first_query
        return query_pos * attended[..., 1] - attended[..., 0]
