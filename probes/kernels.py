"""Attention itself: a fused kernel where it fits, blocks of query rows elsewhere; both exact, both in O(length).

Both return the output and the logarithm of every softmax denominator, from which single entries of the map follow. The
blocks can be looked at while they exist: where many numbers of every row are wanted, that costs hardly more than the
fused kernel, which computes the same and shows nothing.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from probes import cuda_kernels
from probes.masks import UNSEEN, Mask, visible_pairs
from probes.shapes import AttendedColumns, AttentionPattern, HeadOutputs, Keys, LogSumExp, Queries, Values

BLOCK = 64
"""Query rows that the block-wise path holds at a time; few enough for the caches of a processor."""

STRAND = 64
"""Neighbouring keys of a strand, in steps of which the largest entry of a row is looked for."""

FUSED_DTYPES = (torch.float32, torch.bfloat16, torch.float16)


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


class Scratch:
    """Memory that the blocks of a layer use one after the other.

    To ask the system for it each time costs more than attention itself.
    """

    def __init__(self, largest: int = 0) -> None:
        """No room is taken yet.

        Args:
            largest: Numbers of the largest tensor to come; room that grew from block to block would leave holes.
        """
        self._largest = largest
        self._buffers: dict[str, Tensor] = {}

    def __call__(self, use: str, shape: Sequence[int], like: Tensor) -> Tensor | None:
        """Room for a tensor in float32; what was there for the same use is overwritten.

        Args:
            use: What it is for.
            shape: Its shape.
            like: A tensor on the same device.

        Returns:
            The room; None where gradients are kept, for which every tensor must last.
        """
        if torch.is_grad_enabled():
            return None
        size = math.prod(shape)
        if use not in self._buffers or len(self._buffers[use]) < size:
            self._buffers[use] = torch.empty(max(size, self._largest), dtype=torch.float32, device=like.device)
        return self._buffers[use][:size].view(*shape)


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
    scores: AttentionPattern
    """Before softmax; UNSEEN where a query may not see a key."""

    pattern: AttentionPattern
    """After softmax."""

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
    def _largest_in_block(self) -> Int[Tensor, "batch head rows 1"]:
        """Place in its row of the largest entry; where several keys share it, one of them.

        Found in two steps, the strand and the place in it, which takes a quarter of the time.
        """
        n_keys = self.pattern.shape[-1]
        strands = self.pattern.view(-1, STRAND if n_keys % STRAND == 0 else n_keys)
        best = strands.amax(-1).view(self.pattern.shape[:3].numel(), -1).argmax(-1)
        first = torch.arange(0, len(strands), len(strands) // len(best), device=self.device)
        place = best * strands.shape[1] + strands.index_select(0, first + best).argmax(-1)
        return place.view(*self.pattern.shape[:3], 1)

    @cached_property
    def largest(self) -> Float[Tensor, "batch head rows"]:
        """Largest entry of every row; 0 where a query sees no key."""
        return self.pattern.gather(-1, self._largest_in_block)[..., 0]

    @cached_property
    def largest_key(self) -> Int[Tensor, "batch head rows"]:
        """Key with the largest entry of every row, counted from the first key of the call; -1 where a query sees none.

        Where several keys share the largest entry, one of them.
        """
        return torch.where(self.largest > 0, self._largest_in_block[..., 0] + self.first_key, -1)

    @cached_property
    def log_sum_exp(self) -> Float[Tensor, "batch head rows"]:
        """Logarithm of every softmax denominator in nats; minus infinity where a query sees no key."""
        highest = self.scores.gather(-1, self._largest_in_block)[..., 0]
        return torch.where(self.largest > 0, highest - self.largest.log(), -torch.inf)

    def entropies(self) -> Float[Tensor, "batch head rows"]:
        """Entropy -Σ A ln A of every row over its keys in nats; a learned sink is no key and adds none."""
        mass = 1.0 if self.scoring.sink is None else self.pattern.sum(-1)
        entropies = self.log_sum_exp * mass - torch.einsum("bhqk,bhqk->bhq", self.pattern, self.scores)
        return torch.where(self.largest > 0, entropies.clamp(min=0), 0.0)

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


Visit = Callable[[Block], None]
"""Looks at a block; it must not keep its tensors."""


def attend(query: Queries, key: Keys, value: Values, scoring: Scoring) -> tuple[HeadOutputs, LogSumExp]:
    """Attention applied to values.

    Args:
        query: Shape (batch, head, query_pos, d_head).
        key: Shape (batch, kv_head, key_pos, d_head), not repeated.
        value: Shape (batch, kv_head, key_pos, d_value).
        scoring: How the layer scores.

    Returns:
        Output of shape (batch, head, query_pos, d_value), and the logarithm of every softmax denominator in nats. Rows
        that see no key give 0 and minus infinity.

    Source:
        Our own; exact up to rounding.
    """
    if scoring.is_plain and scoring.first_query:
        return _behind_prefix(query, key, value, scoring)
    if scoring.is_plain and query.device.type == "cuda":
        found = cuda_kernels.attend(query, key, value, is_causal=scoring.is_causal, scale=scoring.scale)
        if found is not None:
            return found
    fits = query.device.type == "cpu" and query.shape[-1] == value.shape[-1] and query.dtype in FUSED_DTYPES
    return fused(query, key, value, scoring) if fits and scoring.is_plain else blockwise(query, key, value, scoring)


def _behind_prefix(query: Queries, key: Keys, value: Values, scoring: Scoring) -> tuple[HeadOutputs, LogSumExp]:
    """Plain causal attention behind a cached prefix: to the prefix and to the rest, for which kernels are made."""
    n_before = scoring.first_query
    of_prefix = replace(scoring, is_causal=False, first_query=0)
    of_rest = replace(scoring, first_query=0)
    before = attend(query, key[:, :, :n_before], value[:, :, :n_before], of_prefix)
    rest = attend(query, key[:, :, n_before:], value[:, :, n_before:], of_rest)
    log_sum_exp = torch.logaddexp(before[1], rest[1])
    shares = [torch.exp(part - log_sum_exp)[..., None] for _, part in (before, rest)]
    return (before[0] * shares[0] + rest[0] * shares[1]).to(value.dtype), log_sum_exp


def fused(query: Queries, key: Keys, value: Values, scoring: Scoring) -> tuple[HeadOutputs, LogSumExp]:
    """Plain attention by torch's flash kernel for the CPU; see attend."""
    n_groups = query.shape[1] // key.shape[1]
    output, log_sum_exp = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query,
        key.repeat_interleave(n_groups, 1),
        value.repeat_interleave(n_groups, 1),
        is_causal=scoring.is_causal,
        scale=scoring.scale,
    )
    return output, log_sum_exp


def blockwise(query: Queries, key: Keys, value: Values, scoring: Scoring) -> tuple[HeadOutputs, LogSumExp]:
    """Any attention, over blocks of query rows; see attend."""
    log_sums: list[Tensor] = []
    output = attend_visited(query, key, value, scoring, lambda block: log_sums.append(block.log_sum_exp))
    return output, torch.cat(log_sums, dim=2)


def attend_visited(query: Queries, key: Keys, value: Values, scoring: Scoring, visit: Visit) -> HeadOutputs:
    """Any attention applied to values, over blocks of query rows that are looked at.

    Args:
        query: Shape (batch, head, query_pos, d_head).
        key: Shape (batch, kv_head, key_pos, d_head), not repeated.
        value: Shape (batch, kv_head, key_pos, d_value).
        scoring: How the layer scores.
        visit: Looks at every block while it exists.

    Returns:
        Output of shape (batch, head, query_pos, d_value).
    """
    outputs = []
    for block in blocks(query, key, scoring):
        visit(block)
        outputs.append(_weighted(block.pattern.to(value.dtype), value[:, :, block.first_key : block.last_key]))
    return torch.cat(outputs, dim=2)


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
        _hide(scores, seen, part)
        pattern = softmax(scores, seen, part, scratch("pattern", scores.shape, scores))
        yield Block(start, columns.start, n_keys - n_queries, scoring, scores, pattern)


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


def softmax(
    scores: AttentionPattern,
    seen: Bool[Tensor, "_batch 1 query_pos key_pos"] | None,
    scoring: Scoring,
    room: Tensor | None = None,
) -> AttentionPattern:
    """Rows of a map out of their scores.

    Args:
        scores: UNSEEN where a query may not see a key.
        seen: Whether a query sees a key; None if every query sees one.
        scoring: How the layer scores; its sink and its bias are those of these queries.
        room: Memory for the rows; left out, they get their own.

    Returns:
        Rows that sum to one, or to less where a sink takes part; 0 where a query sees no key.
    """
    pattern = _softmax(scores, scoring.sink, room)
    if seen is None and scoring.bias is None:
        return pattern
    is_blank = ~seen.any(-1) if seen is not None and scoring.bias is None else scores.amax(-1) <= UNSEEN / 2
    return pattern.masked_fill(is_blank[..., None], 0.0) if bool(is_blank.any()) else pattern


def _softmax(scores: AttentionPattern, sink: Tensor | None, room: Tensor | None) -> AttentionPattern:
    if sink is None:
        return torch.softmax(scores, dim=-1) if room is None else torch.softmax(scores, dim=-1, out=room)
    log_sum = torch.logaddexp(torch.logsumexp(scores, dim=-1), sink.float())
    return torch.exp(scores - log_sum[..., None])


def _hide(scores: AttentionPattern, seen: Tensor | None, scoring: Scoring) -> None:
    """Overwrite the scores of keys that a query of a block may not see; a causal one ends with its last query's key."""
    if seen is not None:
        scores.masked_fill_(~seen, UNSEEN)
    elif scoring.is_causal:
        n_rows = scores.shape[2]
        scores[..., -n_rows:].add_(_later_keys(n_rows, scores.device))


@cache
def _later_keys(n_rows: int, device: torch.device) -> Float[Tensor, "rows rows"]:
    """What makes a score UNSEEN where the key comes after the query, for as many keys as queries; 0 elsewhere."""
    with torch.inference_mode(mode=False):  # where gradients are kept, it is kept too
        return torch.full((n_rows, n_rows), UNSEEN, device=device).triu(1)


def _weighted(pattern: AttentionPattern, value: Values) -> HeadOutputs:
    grouped = pattern.unflatten(1, (value.shape[1], -1)).flatten(2, 3)
    return (grouped @ value).unflatten(2, (-1, pattern.shape[2])).flatten(1, 2)
