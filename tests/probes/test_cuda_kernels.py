"""What we ask of the fused kernels of a GPU, without a GPU: references stand in for them, and torch declares shapes.

Nothing here runs on a device; what is held is that arguments, head groups, widths and log-sum-exps mean what the
block-wise path means by them.
"""

import math

import pytest
import torch
from torch._subclasses import FakeTensorMode

from probes import cuda_kernels, kernels
from probes.scoring import Scoring

FLASH, EFFICIENT = "can_use_flash_attention", "can_use_efficient_attention"


@pytest.fixture
def kernel_for_this_gpu(monkeypatch):
    """Say which of the two kernels a GPU can run."""

    def say(name):
        for known in (FLASH, EFFICIENT):
            monkeypatch.setattr(cuda_kernels, known, lambda parameters, known=known: known == name)

    return say


def some_tensors(n_heads=6, n_kv_heads=2, length=37, d_head=12, d_value=12):
    generator = torch.Generator().manual_seed(0)
    shapes = ((n_heads, d_head), (n_kv_heads, d_head), (n_kv_heads, d_value))
    return [torch.randn(2, heads, length, width, generator=generator) for heads, width in shapes]


def reference(query, key, value, is_causal, scale):
    """Attention written out, and the log-sum-exp of its scores."""
    assert query.shape[1] == key.shape[1] == value.shape[1], "the kernels take as many key heads as query heads"
    assert {tensor.shape[3] % 8 for tensor in (query, key, value)} == {0}, "the kernels take widths in steps of 8"
    scores = query @ key.transpose(2, 3) * scale
    if is_causal:
        scores = scores.masked_fill(~torch.ones(scores.shape[2:]).tril().bool(), -torch.inf)
    return scores.softmax(-1) @ value, scores.logsumexp(-1)


def flash(query, key, value, dropout_p, is_causal, return_debug_mask, scale):
    assert (dropout_p, return_debug_mask) == (0.0, False)
    return *reference(query, key, value, is_causal, scale), None, None, 0, 0, None, None, None


def efficient(query, key, value, attn_bias, compute_log_sumexp, dropout_p, is_causal, scale):
    assert (attn_bias, compute_log_sumexp, dropout_p) == (None, True, 0.0)
    output, log_sum_exp = reference(query, key, value, is_causal, scale)
    fill = -log_sum_exp.shape[2] % 32
    return output, torch.nn.functional.pad(log_sum_exp, (0, fill), value=torch.nan), None, None


@pytest.mark.parametrize("is_causal", [True, False])
@pytest.mark.parametrize("widths", [(12, 12), (16, 16), (24, 10)], ids=str)
@pytest.mark.parametrize(("name", "stands_in"), [(FLASH, flash), (EFFICIENT, efficient)], ids=["flash", "efficient"])
def test_outputs_and_log_sum_exps_equal_the_block_wise_path(
    kernel_for_this_gpu, monkeypatch, name, stands_in, widths, is_causal
):
    kernel_for_this_gpu(name)
    operators = {FLASH: "_scaled_dot_product_flash_attention", EFFICIENT: "_scaled_dot_product_efficient_attention"}
    monkeypatch.setattr(torch.ops.aten, operators[name], stands_in)
    tensors = some_tensors(d_head=widths[0], d_value=widths[1])
    found = cuda_kernels.attend(*tensors, is_causal=is_causal, scale=0.3)
    wanted = kernels.blockwise(*tensors, Scoring(None, is_causal, 0.3))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [(FLASH, torch.float16), (FLASH, torch.bfloat16), (EFFICIENT, torch.float32), (EFFICIENT, torch.bfloat16)],
)
def test_the_operators_of_torch_take_our_arguments_and_give_our_shapes(kernel_for_this_gpu, name, dtype):
    kernel_for_this_gpu(name)
    with FakeTensorMode():
        tensors = [torch.empty(tensor.shape, device="cuda:0", dtype=dtype) for tensor in some_tensors(d_value=10)]
        output, log_sum_exp = kernels.attend(*tensors, Scoring(None, is_causal=True, scale=1 / math.sqrt(12)))
    assert (output.shape, output.dtype, output.device.type) == ((2, 6, 37, 10), dtype, "cuda")
    assert (log_sum_exp.shape, log_sum_exp.dtype, log_sum_exp.device.type) == ((2, 6, 37), torch.float32, "cuda")


def test_no_kernel_where_none_fits(kernel_for_this_gpu):
    kernel_for_this_gpu(None)
    assert cuda_kernels.attend(*some_tensors(), is_causal=True, scale=1.0) is None


def test_torch_finds_no_kernel_for_a_gpu_on_the_cpu():
    assert cuda_kernels.attend(*some_tensors(), is_causal=True, scale=1.0) is None
