"""Plain attention on a GPU by torch's own fused kernels, asked for the log-sum-exp that they compute anyway.

The flash kernel takes float16 and bfloat16, the memory-efficient one float32 too; which of them this GPU can run is
torch's to say. No GPU was at hand when this was written: the tests hold it against references on the CPU and against
the shapes that torch declares, not against a device.
"""

import torch
from torch import Tensor
from torch.backends.cuda import SDPAParams, can_use_efficient_attention, can_use_flash_attention
from torch.nn.functional import pad

from probes.shapes import HeadOutputs, Keys, LogSumExp, Queries, Values

WIDTH_STEP = 8
"""Head widths that the kernels take are multiples of this."""


def attend(
    query: Queries, key: Keys, value: Values, *, is_causal: bool, scale: float
) -> tuple[HeadOutputs, LogSumExp] | None:
    """Plain attention applied to values; see kernels.attend.

    Args:
        query: Shape (batch, head, query_pos, d_head), on a GPU.
        key: Shape (batch, kv_head, key_pos, d_head), not repeated.
        value: Shape (batch, kv_head, key_pos, d_value).
        is_causal: Whether query i sees keys up to i only; there are then as many keys as queries.
        scale: Factor on the dot products.

    Returns:
        Output and log-sum-exp, or None where no kernel of this GPU fits.
    """
    n_groups, n_queries, d_value = query.shape[1] // key.shape[1], query.shape[2], value.shape[3]
    width = -(-max(query.shape[3], d_value) // WIDTH_STEP) * WIDTH_STEP
    repeated = (query, key.repeat_interleave(n_groups, 1), value.repeat_interleave(n_groups, 1))
    query, key, value = (pad(tensor, (0, width - tensor.shape[3])) for tensor in repeated)
    parameters = SDPAParams(query, key, value, None, 0.0, is_causal, False)
    if can_use_flash_attention(parameters):
        output, log_sum_exp = _flash(query, key, value, is_causal=is_causal, scale=scale)
    elif can_use_efficient_attention(parameters):
        output, log_sum_exp = _memory_efficient(query, key, value, is_causal=is_causal, scale=scale)
    else:
        return None
    return output.narrow(3, 0, d_value), log_sum_exp.narrow(2, 0, n_queries)


def _flash(query: Tensor, key: Tensor, value: Tensor, *, is_causal: bool, scale: float) -> tuple[Tensor, Tensor]:
    """Output and log-sum-exp, shape (batch, head, query_pos)."""
    output, log_sum_exp, *_ = torch.ops.aten._scaled_dot_product_flash_attention(
        query, key, value, 0.0, is_causal, return_debug_mask=False, scale=scale
    )
    return output, log_sum_exp


def _memory_efficient(
    query: Tensor, key: Tensor, value: Tensor, *, is_causal: bool, scale: float
) -> tuple[Tensor, Tensor]:
    """Output and log-sum-exp, whose last axis is filled up to a multiple of 32."""
    output, log_sum_exp, *_ = torch.ops.aten._scaled_dot_product_efficient_attention(
        query, key, value, None, compute_log_sumexp=True, dropout_p=0.0, is_causal=is_causal, scale=scale
    )
    return output, log_sum_exp
