"""One attention call of one layer, and what can be read off it exactly without a (length × length) map."""

from abc import ABC, abstractmethod
from collections.abc import Container
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad

from probes import kernels
from probes.errors import UnsupportedModelError
from probes.kernels import Scoring
from probes.shapes import (
    AttendedColumns,
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

KEYS_AT_ONCE = 16
"""Chosen keys of each query that are copied at a time."""


class AttentionCall(ABC):
    """One call of one layer's attention, as read-outs and editors see it, whichever way the engine reads the model."""

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
    def n_samples(self) -> int:
        """Samples of the pass."""

    @property
    @abstractmethod
    def n_heads(self) -> int:
        """Query heads."""

    @property
    @abstractmethod
    def n_queries(self) -> int:
        """Query positions."""

    @property
    @abstractmethod
    def n_keys(self) -> int:
        """Key positions."""

    @property
    @abstractmethod
    def is_finite(self) -> bool:
        """Whether the layer computed numbers."""

    @property
    def first_query(self) -> int:
        """Key position of the first query: keys of a cached prefix stand before it."""
        return self.n_keys - self.n_queries

    @abstractmethod
    def head_outputs(self) -> HeadOutputs:
        """z, the outputs of every head before W_O, after whatever an editor made of them.

        Returns:
            Shape (batch, head, query_pos, d_value).

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
    def attend(self, columns: Float[Tensor, "batch _kv_head key_pos n_columns"]) -> AttendedColumns:
        """This layer's attention applied to columns in place of its values.

        With an indicator of a set of keys as a column, the result is the mass on that set; with the keys' positions,
        the mean position.

        Args:
            columns: Shape (batch, kv_head or 1, key_pos, n_columns).

        Returns:
            Shape (batch, head, query_pos, n_columns) in float32.
        """

    @abstractmethod
    def rows(self, query_positions: QueryPositions) -> AttentionRows:
        """Whole rows of the map, for a few queries.

        Args:
            query_positions: Shape (batch, n_rows), counted from the first query of the call; -1 where there is none.

        Returns:
            Shape (batch, head, n_rows, key_pos), from 0 to 1; missing rows are 0.
        """

    @abstractmethod
    def block(self, queries: slice, keys: slice) -> AttentionRows:
        """A block of the map as the scores give it, before anything is masked.

        Args:
            queries: Query positions, counted from the first query of the call; start and stop are set.
            keys: Key positions; start and stop are set.

        Returns:
            Shape (batch, head, queries, keys); only the entries that `scoring` makes visible mean something.
        """

    @abstractmethod
    def entropies(self) -> Float[Tensor, "batch head query_pos"]:
        """Entropy of every row of the map.

        Returns:
            -Σ A ln A over the keys in nats, from 0 to the logarithm of the number of keys. Attention that goes to a
            learned sink has no key and adds nothing.
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
    log_sum_exp: LogSumExp
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
    def n_samples(self) -> int:
        """Samples of the pass."""
        return self.query.shape[0]

    @property
    def n_heads(self) -> int:
        """Query heads."""
        return self.query.shape[1]

    @property
    def n_queries(self) -> int:
        """Query positions."""
        return self.query.shape[2]

    @property
    def n_keys(self) -> int:
        """Key positions."""
        return self.key.shape[2]

    @property
    def is_finite(self) -> bool:
        """Whether z holds numbers only."""
        return bool(self.output.isfinite().all())

    def head_outputs(self) -> HeadOutputs:
        """The output."""
        return self.output

    def probabilities(self, key_positions: KeyPositions) -> KeyProbabilities:
        """Entries at chosen keys, one dot product each; exact up to the rounding of the kernel's log-sum-exp."""
        parts = [self._entries(part) for part in key_positions.split(KEYS_AT_ONCE, dim=-1)]
        return torch.cat(parts, dim=-1)

    def attend(self, columns: Float[Tensor, "batch _kv_head key_pos n_columns"]) -> AttendedColumns:
        """Attention applied to columns by the kernel, as many at once as a head is wide; exact up to rounding."""
        query, key = self.query.float(), self.key.float()
        parts = []
        for part in columns.float().split(query.shape[-1], dim=-1):
            width = part.shape[-1]
            values = pad(part, (0, query.shape[-1] - width)) if self.scoring.is_plain else part
            values = values.expand(-1, key.shape[1], -1, -1)
            parts.append(kernels.attend(query, key, values, self.scoring)[0][..., :width])
        return torch.cat(parts, dim=-1)

    def rows(self, query_positions: QueryPositions) -> AttentionRows:
        """Whole rows: the scores of a few queries, and their log-sum-exp."""
        at = query_positions.clamp(min=0)
        chosen = at[:, None, :, None].expand(-1, self.query.shape[1], -1, self.query.shape[3])
        scores = kernels.block_scores(self.query.gather(2, chosen), self.key, self.scoring)
        log_sum_exp = self.log_sum_exp.gather(2, chosen[..., 0])[..., None]
        sample = torch.arange(at.shape[0], device=self.device)[:, None, None]
        key_pos = torch.arange(self.key.shape[2], device=self.device)[None, None]
        seen = self.scoring.visible(sample, at[:, :, None], key_pos) & (query_positions >= 0)[:, :, None]
        return torch.where(seen[:, None], torch.exp(scores - log_sum_exp), torch.zeros_like(scores))

    def block(self, queries: slice, keys: slice) -> AttentionRows:
        """A block of the map out of the scores of its queries and keys."""
        scores = kernels.block_scores(self.query[:, :, queries], self.key[:, :, keys], self.scoring)
        return torch.exp(scores - self.log_sum_exp[:, :, queries, None])

    def entropies(self) -> Float[Tensor, "batch head query_pos"]:
        """The log-sum-exp minus the expected score; rows in blocks where scores are capped."""
        if not self.scoring.is_linear:
            return self._entropies_of_rows()
        expected = (self.query.float() * self.attend(self.key)).sum(-1) * self.scoring.scale
        return torch.where(self.log_sum_exp.isfinite(), (self.log_sum_exp - expected).clamp(min=0), 0.0)

    def _entropies_of_rows(self) -> Tensor:
        every_query = torch.arange(self.query.shape[2], device=self.device).expand(self.query.shape[0], -1)
        blocks = every_query.split(kernels.BLOCK, dim=1)
        return torch.cat([torch.special.entr(self.rows(block)).sum(-1) for block in blocks], dim=-1)

    def _entries(self, key_pos: KeyPositions) -> KeyProbabilities:
        query = self.query.unflatten(1, (-1, self.n_groups)).transpose(2, 3)
        keys = self._keys_at(key_pos.clamp(min=0)).float()
        scores = self.scoring.cap(torch.matmul(query.float(), keys.transpose(-1, -2)) * self.scoring.scale)
        scores = scores.permute(0, 1, 3, 2, 4).flatten(1, 2)
        entries = torch.exp(scores - self.log_sum_exp[..., None])
        return torch.where(self.visible(key_pos)[:, None], entries, torch.zeros_like(scores))

    def _keys_at(
        self, key_pos: Int[Tensor, "batch query_pos n_keys"]
    ) -> Float[Tensor, "batch kv_head query_pos n_keys d_head"]:
        """Key vectors at the chosen positions; whole rows are copied, which is much faster than a gather."""
        batch, n_kv_heads, n_keys, d_head = self.key.shape
        first_row = torch.arange(batch * n_kv_heads, device=self.device).reshape(batch, n_kv_heads, 1, 1) * n_keys
        rows = first_row + key_pos[:, None]
        return self.key.reshape(-1, d_head).index_select(0, rows.flatten()).reshape(*rows.shape, d_head)


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
