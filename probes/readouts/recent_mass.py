"""Attention to the last few keys: a band along the diagonal."""

from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from probes.blocks import Block
from probes.readouts.base import RowReadOut
from probes.shapes import PerHead


@dataclass(frozen=True, eq=False)
class RecentMass(RowReadOut):
    """Attention from a query to itself and the keys right before it, averaged over the queries: (batch, head)."""

    n_recent: int
    """Keys that are recent, the query's own among them."""

    def of_rows(self, block: Block) -> PerHead:
        """Masses of the rows, shape (batch, head, rows), from 0 to 1."""
        n_rows, own_key = block.stop - block.start, block.start + block.first_query
        first = min(max(block.first_key, own_key - self.n_recent + 1), block.last_key)
        stop = max(min(block.last_key, own_key + n_rows), first)
        recent = _recent(n_rows, stop - first, own_key - first, self.n_recent, block.device)
        return (block.pattern[..., first - block.first_key : stop - block.first_key] * recent).sum(-1)


@cache
def _recent(n_rows: int, n_keys: int, own_key: int, n_recent: int, device: torch.device) -> Float[Tensor, "rows keys"]:
    """1 for recent keys, 0 for others; the first row's own key is at own_key."""
    with torch.inference_mode(mode=False):  # it is kept, also for where gradients are
        steps_back = torch.arange(n_rows, device=device)[:, None] + own_key - torch.arange(n_keys, device=device)
        return ((steps_back >= 0) & (steps_back < n_recent)).float()
