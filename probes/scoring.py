"""How a layer makes attention out of queries and keys."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from probes.masks import UNSEEN, Mask, visible_pairs


@dataclass(frozen=True)
class Scoring:
    """How a layer makes attention out of queries and keys."""

    mask: Mask | Tensor | None
    """A rule, a boolean tensor (batch or 1, 1, query_pos, key_pos), or None for plain attention."""

    is_causal: bool
    """Whether plain attention is causal."""

    scale: float
    """Factor on the dot products."""

    softcap: float | None = None
    """Scores become softcap * tanh(score / softcap)."""

    sink: Float[Tensor, "_batch head query_pos"] | None = None
    """Learned logits that take part in the softmax of every query and have no value."""

    first_query: int = 0
    """Key position of the first query in plain causal attention: all queries see the keys of a cached prefix."""

    bias: Float[Tensor, "_batch _head query_pos key_pos"] | None = None
    """What the layer adds to the scores, such as a position bias; the layer itself makes it as large."""

    @property
    def is_plain(self) -> bool:
        """Whether a fused kernel computes the same."""
        return self.mask is None and self.softcap is None and self.sink is None and self.bias is None

    def part(self, rows: slice, columns: slice) -> "Scoring":
        """The same with the sink and the bias of some queries and keys only."""
        sink = None if self.sink is None else self.sink[..., rows]
        return replace(self, sink=sink, bias=None if self.bias is None else self.bias[..., rows, columns])

    def finish(self, products: Tensor, bias: Tensor | None) -> Tensor:
        """Scores out of scaled dot products: soft-capped if the layer does so, and the bias of these entries added."""
        scores = products if self.softcap is None else self.softcap * torch.tanh(products / self.softcap)
        return scores if bias is None else scores + bias.float().clamp(min=UNSEEN)

    def visible(self, sample: Tensor, query_pos: Tensor, key_pos: Tensor) -> Tensor:
        """Whether queries may see keys, for positions that broadcast against each other."""
        return visible_pairs(self.mask, self.is_causal, sample, query_pos + self.first_query, key_pos)
