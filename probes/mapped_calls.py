"""An attention call of which the model hands out the whole map: read-outs take what they want, then it is dropped."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from probes import blocks
from probes.blocks import Block
from probes.calls import AttentionCall
from probes.errors import UnsupportedModelError
from probes.map_rows import TorchRows
from probes.masks import UNSEEN
from probes.scoring import Scoring
from probes.shapes import AttentionPattern, AttentionRows, HeadOutputs, KeyPositions, KeyProbabilities, QueryPositions


@dataclass(frozen=True)
class MappedCall(AttentionCall):
    """One layer's map, as the model computed it; O(length²), one layer at a time."""

    layer: int
    pattern: AttentionPattern
    """In float32."""

    scoring: Scoring
    """Whose mask holds the keys that a query is taken to see: those to which some head attends."""

    @classmethod
    def of(cls, layer: int, pattern: AttentionPattern, seen: Bool[Tensor, "batch 1 query_pos key_pos"]) -> "MappedCall":
        """The call of a layer.

        Args:
            layer: Its number.
            pattern: Its map, in any number format.
            seen: Which keys its queries see.

        Returns:
            The call.
        """
        return cls(layer, pattern.float(), Scoring(seen, is_causal=False, scale=1.0))

    @property
    def device(self) -> torch.device:
        """Where the layer lies."""
        return self.pattern.device

    @property
    def is_finite(self) -> bool:
        """Whether the map holds numbers only."""
        return bool(self.pattern.isfinite().all())

    def head_outputs(self) -> HeadOutputs:
        """Refuse: a map says nothing of values."""
        raise self._only_maps("the outputs")

    def values(self) -> HeadOutputs:
        """Refuse: a map says nothing of values."""
        raise self._only_maps("the values")

    def _only_maps(self, wanted: str) -> UnsupportedModelError:
        return UnsupportedModelError(
            f"layer {self.layer}: this model does not use the attention interface of transformers; its attention maps "
            f"can be read, {wanted} of its heads cannot"
        )

    def probabilities(self, key_positions: KeyPositions) -> KeyProbabilities:
        """Entries at chosen keys, picked from the map."""
        chosen = key_positions.clamp(min=0)[:, None].expand(-1, self.pattern.shape[1], -1, -1)
        return torch.where(key_positions[:, None] >= 0, self.pattern.gather(3, chosen), 0.0)

    def rows(self, query_positions: QueryPositions) -> AttentionRows:
        """Whole rows, picked from the map."""
        positions = query_positions[:, None, :, None]
        chosen = positions.clamp(min=0).expand(-1, self.pattern.shape[1], -1, self.pattern.shape[3])
        return torch.where(positions >= 0, self.pattern.gather(2, chosen), 0.0)

    def blocks(self) -> Iterator[Block]:
        """The map, block by block; its logarithm stands in for the scores, whose log-sum-exp is then 0.

        Yields:
            Blocks in order of their queries.
        """
        n_queries, n_keys = self.pattern.shape[2:]
        for start in range(0, n_queries, blocks.BLOCK):
            pattern = self.pattern[:, :, start : start + blocks.BLOCK].contiguous()
            rows = TorchRows(pattern, pattern.log().clamp(min=UNSEEN), has_sink=False)
            yield Block(start, 0, n_keys - n_queries, self.scoring, rows)
