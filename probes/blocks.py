"""The map of a layer, a few rows at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from probes.map_rows import MapRows, softmax_rows
from probes.masks import Mask
from probes.scoring import Scoring
from probes.scratch import Scratch
from probes.shapes import AttendedColumns, AttentionPattern, Keys, Queries

BLOCK = 64
"""Query rows that are held at a time; few enough for the caches of a processor."""


@dataclass(frozen=True)
class Block:
    """Some rows of a layer's map while it is made, with all keys that any of their queries may see.

    Its tensors are overwritten by the next block.
    """

    start: int
    """First query of the block, counted from the first query of the call."""

    first_key: int
    """First key of the block, counted from the first key of the call."""

    first_query: int
    """Key position of the first query of the call: keys of a cached prefix stand before it."""

    scoring: Scoring
    rows: MapRows

    @property
    def pattern(self) -> AttentionPattern:
        """After softmax."""
        return self.rows.pattern

    @property
    def device(self) -> torch.device:
        """Where the layer lies."""
        return self.pattern.device

    @property
    def stop(self) -> int:
        """First query behind the block."""
        return self.start + self.pattern.shape[2]

    @property
    def last_key(self) -> int:
        """First key behind the block."""
        return self.first_key + self.pattern.shape[3]

    @cached_property
    def largest_key(self) -> Int[Tensor, "batch head rows"]:
        """Key with the largest entry of every row, counted from the first key of the call; -1 where all are 0.

        Where several keys share the largest entry, one of them.
        """
        place = self.rows.largest_place
        return torch.where(place >= 0, place + self.first_key, -1)

    def attend(self, columns: Float[Tensor, "batch n_columns key_pos"]) -> AttendedColumns:
        """Attention applied to columns of one number a key, such as indicators of sets of keys or their positions.

        Args:
            columns: Numbers of all keys of the call.

        Returns:
            Shape (batch, head, rows, n_columns).
        """
        rows = self.pattern.flatten(1, 2).transpose(1, 2)
        attended = columns[..., self.first_key : self.last_key] @ rows
        return attended.transpose(1, 2).unflatten(1, self.pattern.shape[1:3])


def blocks(query: Queries, key: Keys, scoring: Scoring) -> Iterator[Block]:
    """The map of a layer, block by block; each takes O(length) memory.

    Args:
        query: Shape (batch, head, query_pos, d_head).
        key: Shape (batch, kv_head, key_pos, d_head), not repeated.
        scoring: How the layer scores.

    Yields:
        Blocks in order of their queries; the next one overwrites the tensors of the last.
    """
    n_queries, n_keys = query.shape[2], key.shape[2]
    key, scratch = key.float(), Scratch(query.shape[0] * query.shape[1] * min(BLOCK, n_queries) * n_keys)
    for start in range(0, n_queries, BLOCK):
        rows = slice(start, min(start + BLOCK, n_queries))
        columns, seen = _seen_by(query, rows, n_keys, scoring)
        part = scoring.part(rows, columns)
        scores = block_scores(query[:, :, rows], key[:, :, columns], part, scratch)
        yield Block(start, columns.start, n_keys - n_queries, scoring, softmax_rows(scores, seen, part, scratch))


def _seen_by(
    query: Queries, rows: slice, n_keys: int, scoring: Scoring
) -> tuple[slice, Bool[Tensor, "_batch 1 rows keys"] | None]:
    """Keys that any query of a block may see, and which query sees which if there is a mask."""
    if scoring.mask is None:
        return slice(0, rows.stop + scoring.first_query if scoring.is_causal else n_keys), None
    first = scoring.mask.first_key(rows.start) if isinstance(scoring.mask, Mask) else 0
    sample = torch.arange(len(query), device=query.device)[:, None, None]
    query_pos = torch.arange(rows.start, rows.stop, device=query.device)[None, :, None]
    key_pos = torch.arange(first, n_keys, device=query.device)[None, None, :]
    seen = scoring.visible(sample, query_pos, key_pos).expand(-1, rows.stop - rows.start, -1)
    n_seen = int((seen.flatten(0, 1).any(0) * (key_pos[0, 0] - first + 1)).max())
    kept = max(n_seen, 1)  # no tensor of a block is empty
    return slice(first, first + kept), seen[:, None, :, :kept]


def block_scores(
    query: Queries, key: Keys, scoring: Scoring, scratch: Scratch | None = None
) -> Float[Tensor, "batch head query_pos key_pos"]:
    """Scores of some queries and keys, before masking.

    Args:
        query: Shape (batch, head, query_pos, d_head).
        key: Shape (batch, kv_head, key_pos, d_head).
        scoring: How the layer scores; its bias is that of these queries and keys.
        scratch: Memory for them; left out, they get their own.

    Returns:
        Scores in nats.
    """
    batch, n_kv_heads, n_keys, _ = key.shape
    scaled = (query.float() * scoring.scale).unflatten(1, (n_kv_heads, -1)).flatten(2, 3).flatten(0, 1)
    room = None if scratch is None else scratch("scores", (len(scaled), scaled.shape[1], n_keys), scaled)
    products = torch.bmm(scaled, key.float().flatten(0, 1).transpose(1, 2), out=room)
    return scoring.finish(products.view(batch, query.shape[1], query.shape[2], n_keys), scoring.bias)
