"""An attention call of which the model hands out the whole map: read-outs take what they want, then it is dropped."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from probes.calls import AttentionCall
from probes.errors import UnsupportedModelError
from probes.kernels import Scoring
from probes.shapes import (
    AttendedColumns,
    AttentionPattern,
    AttentionRows,
    HeadOutputs,
    KeyPositions,
    KeyProbabilities,
    QueryPositions,
)


@dataclass(frozen=True)
class MappedCall(AttentionCall):
    """One layer's map, as the model computed it; O(length²), one layer at a time."""

    layer: int
    pattern: AttentionPattern
    scoring: Scoring

    @classmethod
    def of(cls, layer: int, pattern: AttentionPattern) -> "MappedCall":
        """The call of a layer.

        Args:
            layer: Its number.
            pattern: Its map in any number format; a query is taken to see the keys to which some head attends.

        Returns:
            The call.
        """
        seen = (pattern > 0).any(1, keepdim=True)
        return cls(layer, pattern.float(), Scoring(seen, is_causal=False, scale=1.0))

    @property
    def device(self) -> torch.device:
        """Where the layer lies."""
        return self.pattern.device

    @property
    def n_samples(self) -> int:
        """Samples of the pass."""
        return self.pattern.shape[0]

    @property
    def n_heads(self) -> int:
        """Query heads."""
        return self.pattern.shape[1]

    @property
    def n_queries(self) -> int:
        """Query positions."""
        return self.pattern.shape[2]

    @property
    def n_keys(self) -> int:
        """Key positions."""
        return self.pattern.shape[3]

    @property
    def is_finite(self) -> bool:
        """Whether the map holds numbers only."""
        return bool(self.pattern.isfinite().all())

    def head_outputs(self) -> HeadOutputs:
        """Refuse: a map says nothing of values."""
        raise UnsupportedModelError(
            f"layer {self.layer}: this model does not use the attention interface of transformers; its attention maps "
            "can be read, the outputs of its heads cannot"
        )

    def probabilities(self, key_positions: KeyPositions) -> KeyProbabilities:
        """Entries at chosen keys, picked from the map."""
        chosen = key_positions.clamp(min=0)[:, None].expand(-1, self.n_heads, -1, -1)
        return torch.where(key_positions[:, None] >= 0, self.pattern.gather(3, chosen), 0.0)

    def attend(self, columns: Float[Tensor, "batch _kv_head key_pos n_columns"]) -> AttendedColumns:
        """The map times the columns."""
        return self.pattern @ columns.float().repeat_interleave(self.n_heads // columns.shape[1], 1)

    def rows(self, query_positions: QueryPositions) -> AttentionRows:
        """Whole rows, picked from the map."""
        positions = query_positions[:, None, :, None]
        chosen = positions.clamp(min=0).expand(-1, self.n_heads, -1, self.n_keys)
        return torch.where(positions >= 0, self.pattern.gather(2, chosen), 0.0)

    def block(self, queries: slice, keys: slice) -> AttentionRows:
        """A block of the map."""
        return self.pattern[:, :, queries, keys]

    def entropies(self) -> Float[Tensor, "batch head query_pos"]:
        """Entropy of every row."""
        return torch.special.entr(self.pattern).sum(-1)
