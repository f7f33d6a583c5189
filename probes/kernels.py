"""Attention itself: a fused kernel where it fits, blocks of query rows elsewhere; both exact, both in O(length).

Both return the output and the logarithm of every softmax denominator, from which single entries of the map follow. The
blocks can be looked at while they exist: where many numbers of every row are wanted, that costs hardly more than the
fused kernel, which computes the same and shows nothing.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from probes import cuda_kernels
from probes.blocks import Block, blocks
from probes.scoring import Scoring
from probes.shapes import AttentionPattern, HeadOutputs, Keys, LogSumExp, Queries, Values

FUSED_DTYPES = (torch.float32, torch.bfloat16, torch.float16)

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
    output = attend_visited(query, key, value, scoring, lambda block: log_sums.append(block.rows.log_sum_exp))
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


def _weighted(pattern: AttentionPattern, value: Values) -> HeadOutputs:
    grouped = pattern.unflatten(1, (value.shape[1], -1)).flatten(2, 3)
    return (grouped @ value).unflatten(2, (-1, pattern.shape[2])).flatten(1, 2)
