"""Attention to the last few keys: a band along the diagonal."""

from dataclasses import dataclass

import torch

from probes.kernels import Block
from probes.readouts.base import RowReadOut
from probes.shapes import PerHead


@dataclass(frozen=True, eq=False)
class RecentMass(RowReadOut):
    """Attention from a query to itself and the keys right before it, averaged over the queries: (batch, head)."""

    n_recent: int
    """Keys that are recent, the query's own among them."""

    def of_rows(self, block: Block) -> PerHead:
        """Masses of the rows, shape (batch, head, rows), from 0 to 1."""
        first = max(block.first_key, block.start + block.first_query - self.n_recent + 1)
        query_pos = torch.arange(block.start, block.stop, device=block.device)[:, None] + block.first_query
        steps_back = query_pos - torch.arange(first, block.last_key, device=block.device)
        is_recent = (steps_back >= 0) & (steps_back < self.n_recent)
        return (block.pattern[..., first - block.first_key :] * is_recent).sum(-1)
