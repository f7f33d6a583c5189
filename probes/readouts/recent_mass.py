"""Attention to the last few keys: a band along the diagonal, scored in blocks of query rows."""

from dataclasses import dataclass

import torch
from torch import Tensor

from probes import kernels
from probes.calls import AttentionCall
from probes.readouts.base import ReadOut, mean_over
from probes.shapes import PerHead, Queried


@dataclass(frozen=True, eq=False)
class RecentMass(ReadOut):
    """Attention from a query to itself and the keys right before it, averaged over the queries that count."""

    queries: Queried
    """Shape (sample, query_pos)."""

    n_recent: int
    """Keys that are recent, the query's own among them; O(length × n_recent) in all."""

    def read(self, call: AttentionCall) -> PerHead:
        """Masses of one layer.

        Returns:
            Shape (batch, head), from 0 to 1; not a number for a sample in which no query counts.
        """
        starts = range(0, call.n_queries, kernels.BLOCK)
        return mean_over(self.queries, torch.cat([self._masses(call, start) for start in starts], dim=2))

    def _masses(self, call: AttentionCall, start: int) -> Tensor:
        """Masses of a block of queries, shape (batch, head, queries)."""
        stop = min(start + kernels.BLOCK, call.n_queries)
        first = max(0, start + call.first_query - self.n_recent + 1)
        last = stop + call.first_query
        entries = call.block(slice(start, stop), slice(first, last))
        sample = torch.arange(call.n_samples, device=call.device)[:, None, None]
        query_pos = torch.arange(start, stop, device=call.device)[None, :, None]
        key_pos = torch.arange(first, last, device=call.device)[None, None]
        steps_back = query_pos + call.first_query - key_pos
        counts = call.scoring.visible(sample, query_pos, key_pos) & (steps_back >= 0) & (steps_back < self.n_recent)
        return torch.where(counts[:, None], entries, 0.0).sum(-1)
