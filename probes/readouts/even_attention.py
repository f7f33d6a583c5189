"""What a head of this layer would show if it spread its attention evenly over the keys it sees."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from probes.blocks import Block
from probes.readouts.base import ByMask, Collector, MeanCollector, MeanReadOut


@dataclass(frozen=True, eq=False)
class EvenAttention(MeanReadOut):
    """Entropy and distance of even attention, averaged over the queries that count: (batch, head, 2).

    The logarithm of the number of visible keys in nats, and the mean distance to them in tokens, later keys negative;
    the same for all heads. Queries that see no key add nothing.
    """

    @staticmethod
    def collector(read_outs: Sequence[Any]) -> Collector:
        """Each block is looked at once for all."""
        return _EvenAttentionCollector(read_outs)


class _EvenAttentionCollector(MeanCollector):
    def __init__(self, read_outs: Sequence[EvenAttention]) -> None:
        super().__init__(read_outs)
        self._values = ByMask(_even_attention)

    def of_rows(self, block: Block) -> list[Tensor]:
        """Both values of the rows, shape (batch, head, rows, 2)."""
        return [self._values(block)] * self.n_read_outs


def _even_attention(block: Block) -> Float[Tensor, "batch head rows 2"]:
    n_samples, n_heads, n_rows, _ = block.pattern.shape
    sample = torch.arange(n_samples, device=block.device)[:, None, None]
    query_pos = torch.arange(block.start, block.stop, device=block.device)[:, None]
    key_pos = torch.arange(block.first_key, block.last_key, device=block.device)
    seen = block.scoring.visible(sample, query_pos[None], key_pos[None, None]).expand(-1, n_rows, -1).float()
    n_seen, total = (seen @ torch.stack([torch.ones_like(key_pos), key_pos], dim=-1).float()).unbind(-1)
    distance = (n_seen * (query_pos + block.first_query)[:, 0] - total) / n_seen.clamp(min=1)
    values = torch.stack([n_seen.clamp(min=1).log(), distance], dim=-1)
    return values[:, None].expand(n_samples, n_heads, -1, -1)
