"""Attention itself: a fused kernel where it fits, blocks of query rows elsewhere; both exact, both in O(length).

Both return the output and the logarithm of every softmax denominator, from which single entries of the map follow.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from probes import cuda_kernels
from probes.masks import Mask, visible_pairs
from probes.shapes import HeadOutputs, Keys, LogSumExp, Queries, Values

BLOCK = 128
"""Query rows that the block-wise path holds at a time."""

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

    sink: Float[Tensor, " head"] | None = None
    """Learned logits that take part in the softmax and have no value."""

    @property
    def is_plain(self) -> bool:
        """Whether a fused kernel computes the same."""
        return self.mask is None and self.softcap is None and self.sink is None

    @property
    def is_linear(self) -> bool:
        """Whether scores are scaled dot products and every row sums to one."""
        return self.softcap is None and self.sink is None

    def cap(self, scores: Tensor) -> Tensor:
        """Scores after soft-capping, if the layer has any."""
        return scores if self.softcap is None else self.softcap * torch.tanh(scores / self.softcap)

    def visible(self, sample: Tensor, query_pos: Tensor, key_pos: Tensor) -> Tensor:
        """Whether queries may see keys, for positions that broadcast against each other."""
        return visible_pairs(self.mask, self.is_causal, sample, query_pos, key_pos)


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
    if scoring.is_plain and query.device.type == "cuda":
        found = cuda_kernels.attend(query, key, value, is_causal=scoring.is_causal, scale=scoring.scale)
        if found is not None:
            return found
    fits = query.device.type == "cpu" and query.shape[-1] == value.shape[-1] and query.dtype in FUSED_DTYPES
    return fused(query, key, value, scoring) if fits and scoring.is_plain else blockwise(query, key, value, scoring)


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
    n_queries, n_keys = query.shape[2], key.shape[2]
    outputs, log_sums = [], []
    for start in range(0, n_queries, BLOCK):
        stop = min(start + BLOCK, n_queries)
        first = scoring.mask.first_key(start) if isinstance(scoring.mask, Mask) else 0
        last = stop if scoring.mask is None and scoring.is_causal else n_keys
        scores = block_scores(query[:, :, start:stop], key[:, :, first:last], scoring)
        scores = scores.masked_fill(~_block_visible(scoring, query, (start, stop), (first, last)), -torch.inf)
        log_sum = _log_sum_exp(scores, scoring.sink)
        pattern = torch.exp(scores - log_sum[..., None].nan_to_num(neginf=0.0)).to(value.dtype)
        outputs.append(_weighted_values(pattern, value[:, :, first:last]))
        log_sums.append(log_sum)
    return torch.cat(outputs, dim=2), torch.cat(log_sums, dim=2)


def block_scores(query: Queries, key: Keys, scoring: Scoring) -> Float[Tensor, "batch head query_pos key_pos"]:
    """Scores of some queries and keys, before masking.

    Args:
        query: Shape (batch, head, query_pos, d_head).
        key: Shape (batch, kv_head, key_pos, d_head).
        scoring: How the layer scores.

    Returns:
        Scores in nats.
    """
    grouped = query.unflatten(1, (key.shape[1], -1))
    scores = torch.matmul(grouped.float(), key[:, :, None].float().transpose(-1, -2)).flatten(1, 2)
    return scoring.cap(scores * scoring.scale)


def _block_visible(scoring: Scoring, query: Tensor, rows: tuple[int, int], columns: tuple[int, int]) -> Tensor:
    sample = torch.arange(query.shape[0], device=query.device)[:, None, None]
    query_pos = torch.arange(*rows, device=query.device)[None, :, None]
    key_pos = torch.arange(*columns, device=query.device)[None, None, :]
    return scoring.visible(sample, query_pos, key_pos).expand(-1, rows[1] - rows[0], -1)[:, None]


def _log_sum_exp(scores: Tensor, sink: Tensor | None) -> Tensor:
    log_sum = torch.logsumexp(scores, dim=-1)
    return log_sum if sink is None else torch.logaddexp(log_sum, sink.float()[None, :, None])


def _weighted_values(pattern: Tensor, value: Tensor) -> Tensor:
    grouped = pattern.unflatten(1, (value.shape[1], -1))
    return torch.matmul(grouped, value[:, :, None]).flatten(1, 2)
