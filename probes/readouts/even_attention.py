"""What a head of this layer would show if it spread its attention evenly over the keys it sees."""

from dataclasses import dataclass

import torch
from torch import Tensor

from probes import kernels
from probes.calls import AttentionCall
from probes.readouts.base import ReadOut, mean_over
from probes.shapes import PerHead, Queried


@dataclass(frozen=True, eq=False)
class EvenAttention(ReadOut):
    """Entropy and distance of even attention, averaged over the queries that count; the same for all heads."""

    queries: Queried
    """Shape (sample, query_pos)."""

    def read(self, call: AttentionCall) -> PerHead:
        """What one layer's mask allows.

        Returns:
            Shape (batch, head, 2): the logarithm of the number of visible keys in nats, and the mean distance to them
            in tokens, later keys negative. Queries that see no key add nothing.
        """
        starts = range(0, call.n_queries, kernels.BLOCK)
        values = torch.cat([self._of_rows(call, start) for start in starts], dim=1)
        return mean_over(self.queries, values[:, None]).expand(-1, call.n_heads, -1)

    @staticmethod
    def _of_rows(call: AttentionCall, start: int) -> Tensor:
        """Both values of a block of queries, shape (batch, queries, 2)."""
        stop = min(start + kernels.BLOCK, call.n_queries)
        sample = torch.arange(call.n_samples, device=call.device)[:, None, None]
        query_pos = torch.arange(start, stop, device=call.device)[None, :, None]
        key_pos = torch.arange(call.n_keys, device=call.device)[None, None]
        seen = call.scoring.visible(sample, query_pos, key_pos).expand(len(sample), stop - start, -1).float()
        n_seen = seen.sum(-1).clamp(min=1)
        distance = (seen * (query_pos + call.first_query - key_pos)).sum(-1) / n_seen
        return torch.stack([n_seen.log(), distance], dim=-1)
