"""One attention call of one layer, and what can be read off it exactly without a (length × length) map."""

from abc import ABC, abstractmethod
from collections.abc import Container
from dataclasses import dataclass, replace

import torch

from probes.blocks import block_scores
from probes.errors import UnsupportedModelError
from probes.map_rows import softmax
from probes.masks import UNSEEN
from probes.pairs import pair_products
from probes.scoring import Scoring
from probes.shapes import (
    AttentionRows,
    HeadOutputs,
    KeyPositions,
    KeyProbabilities,
    Keys,
    LogSumExp,
    Queries,
    QueryPositions,
    Values,
    Visible,
)


class AttentionCall(ABC):
    """One call of one layer's attention, as read-outs see it, whichever way the engine reads the model."""

    layer: int
    """Number of the layer, counted from 0."""

    scoring: Scoring
    """What it lets queries see."""

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where the layer lies."""

    @property
    @abstractmethod
    def is_finite(self) -> bool:
        """Whether the layer computed numbers."""

    @abstractmethod
    def head_outputs(self) -> HeadOutputs:
        """z, the outputs of every head before W_O, after whatever an editor made of them.

        Returns:
            Shape (batch, head, query_pos, d_value).

        Raises:
            UnsupportedModelError: this way of reading a model does not show them.
        """

    @abstractmethod
    def values(self) -> HeadOutputs:
        """What every query head would hand over if it attended to one key alone, biases included.

        Returns:
            Shape (batch, head, key_pos, d_value).

        Raises:
            UnsupportedModelError: this way of reading a model does not show them.
        """

    @abstractmethod
    def probabilities(self, key_positions: KeyPositions) -> KeyProbabilities:
        """Attention from every query to the keys chosen for it.

        Args:
            key_positions: Shape (batch, query_pos, n_keys), counted from 0; -1 where there is none.

        Returns:
            Shape (batch, head, query_pos, n_keys), from 0 to 1. Keys that the query may not see get 0, and so do
            missing ones.
        """

    @abstractmethod
    def rows(self, query_positions: QueryPositions) -> AttentionRows:
        """Whole rows of the map, for a few queries.

        Args:
            query_positions: Shape (batch, n_rows), counted from the first query of the call; -1 where there is none.

        Returns:
            Shape (batch, head, n_rows, key_pos), from 0 to 1; missing rows are 0.
        """

    def visible(self, key_positions: KeyPositions) -> Visible:
        """Whether every query sees the keys chosen for it.

        Args:
            key_positions: Shape (batch, query_pos, n_keys); -1 where there is none.

        Returns:
            Same shape; False for missing keys.
        """
        sample = torch.arange(key_positions.shape[0], device=self.device)[:, None, None]
        query_pos = torch.arange(key_positions.shape[1], device=self.device)[None, :, None]
        return (key_positions >= 0) & self.scoring.visible(sample, query_pos, key_positions.clamp(min=0))


@dataclass(frozen=True)
class StreamedCall(AttentionCall):
    """A call of our attention function, with what is needed to read exact numbers off its map.

    Shapes: query (batch, head, query_pos, d_head), key and value (batch, kv_head, key_pos, ...); query head h reads
    key-value head h // (n_heads / n_kv_heads). The output is z, after whatever an editor made of it.
    """

    layer: int
    query: Queries
    key: Keys
    value: Values
    scoring: Scoring
    log_sum_exp: LogSumExp | None
    """None if the blocks of the map were visited instead."""

    output: HeadOutputs

    @property
    def device(self) -> torch.device:
        """Where the layer lies."""
        return self.query.device

    @property
    def n_groups(self) -> int:
        """Query heads that share one key-value head."""
        return self.query.shape[1] // self.key.shape[1]

    @property
    def is_finite(self) -> bool:
        """Whether z holds numbers only."""
        return bool(self.output.sum(dtype=torch.float32).isfinite())

    def head_outputs(self) -> HeadOutputs:
        """The output."""
        return self.output

    def values(self) -> HeadOutputs:
        """The values, those of a key-value head once for each of its query heads."""
        return self.value.repeat_interleave(self.n_groups, 1)

    def probabilities(self, key_positions: KeyPositions) -> KeyProbabilities:
        """Entries at chosen keys, one dot product each; exact up to the rounding of the kernel's log-sum-exp."""
        assert self.log_sum_exp is not None, "the blocks were visited; ask them"
        products = pair_products(self.query, self.key, key_positions) * self.scoring.scale
        scores = self.scoring.finish(products, self._bias_at(key_positions))
        log_sum_exp = self.log_sum_exp[..., None]
        seen = self.visible(key_positions)[:, None] & (log_sum_exp > -torch.inf)
        return torch.where(seen, torch.exp(scores - log_sum_exp), 0.0)

    def rows(self, query_positions: QueryPositions) -> AttentionRows:
        """Whole rows: the softmax of all scores of a few queries."""
        at = query_positions.clamp(min=0)
        chosen = at[:, None, :, None].expand(-1, self.query.shape[1], -1, self.query.shape[3])
        scoring = self._scoring_at(at)
        scores = block_scores(self.query.gather(2, chosen), self.key, scoring)
        sample = torch.arange(at.shape[0], device=self.device)[:, None, None]
        key_pos = torch.arange(self.key.shape[2], device=self.device)[None, None]
        seen = self.scoring.visible(sample, at[:, :, None], key_pos) & (query_positions >= 0)[:, :, None]
        return softmax(scores.masked_fill(~seen[:, None], UNSEEN), scoring.sink)

    def _bias_at(self, key_positions: KeyPositions) -> KeyProbabilities | None:
        """The bias at the keys chosen for every query; None if the layer has none."""
        bias = self.scoring.bias
        if bias is None:
            return None
        chosen = key_positions.clamp(min=0)[:, None].expand(-1, self.query.shape[1], -1, -1)
        return bias.expand(*chosen.shape[:3], -1).gather(3, chosen)

    def _scoring_at(self, rows: QueryPositions) -> Scoring:
        """The scoring of a few queries: their part of sink and bias."""
        sink, bias = self.scoring.sink, self.scoring.bias
        chosen = rows[:, None].expand(-1, self.query.shape[1], -1)
        every = (*chosen.shape[:2], -1)
        return replace(
            self.scoring,
            sink=None if sink is None else sink.expand(every).gather(2, chosen),
            bias=None
            if bias is None
            else bias.expand(*every, -1).gather(2, chosen[..., None].expand(-1, -1, -1, bias.shape[3])),
        )


def check_layer(call: AttentionCall, seen: Container[int]) -> None:
    """Refuse a call whose layer cannot be told.

    Args:
        call: The call.
        seen: Layers that called before in this forward pass.

    Raises:
        UnsupportedModelError: the layer has no number, or calls attention twice.
    """
    if call.layer < 0:
        raise UnsupportedModelError("an attention module has no layer_idx, so its layer cannot be told")
    if call.layer in seen:
        raise UnsupportedModelError(f"layer {call.layer} calls attention more than once in a forward pass")
