"""The streaming engine against eager attention maps, on tiny random models of many architectures."""

import pytest
import torch
import transformers
from torch import nn

from probes import attention, blocks, cpu_kernels, kernels, pairs
from probes.attention import IMPLEMENTATION, attention_implementation, reading, streaming_attention
from probes.errors import UnsupportedModelError
from probes.forward import PassReader
from probes.masks import Mask, describe_mask
from probes.readouts.key_mass import KeyMass
from probes.scoring import Scoring

from .conftest import N_LAYERS, make_tiny

LENGTH = 40
ROUNDING = 2e-5  # float32 sums in another order


class Patterns:
    """Whole patterns put together from streamed entries, by layer."""

    def __init__(self):
        self.by_layer = {}

    def read(self, call):
        every_key = torch.arange(call.key.shape[2]).expand(call.query.shape[0], call.query.shape[2], -1)
        self.by_layer[call.layer] = call.probabilities(every_key)


def random_tokens(batch=2, length=LENGTH):
    return torch.randint(4, 96, (batch, length), generator=torch.Generator().manual_seed(1))


def eager(model, **inputs):
    with attention_implementation(model, "eager"), torch.inference_mode():
        output = model(**inputs, output_attentions=True, use_cache=False)
    return output.logits, output.attentions


def streamed(model, **inputs):
    patterns = Patterns()
    with reading(model, patterns):
        logits = model(**inputs, use_cache=False).logits
    return logits, [patterns.by_layer[layer] for layer in sorted(patterns.by_layer)]


def largest_difference(left, right):
    return max(float((a - b).abs().max()) for a, b in zip(left, right, strict=True))


def test_streamed_patterns_equal_eager_maps(tiny):
    tokens = random_tokens()
    logits, maps = eager(tiny, input_ids=tokens)
    streamed_logits, patterns = streamed(tiny, input_ids=tokens)
    assert largest_difference(patterns, maps) < ROUNDING
    assert float((streamed_logits - logits).abs().max()) < 1e-3
    assert max(float(pattern.max()) for pattern in maps) > 0.3, "attention this even would hide a mistake"


def test_left_padding_changes_nothing_for_real_tokens(tiny):
    tokens = random_tokens()
    attention_mask = torch.ones_like(tokens)
    attention_mask[0, :11] = 0
    real = attention_mask[:, None, :, None].bool()
    logits, maps = eager(tiny, input_ids=tokens, attention_mask=attention_mask)
    streamed_logits, patterns = streamed(tiny, input_ids=tokens, attention_mask=attention_mask)
    assert all(torch.isfinite(pattern).all() for pattern in patterns)
    assert largest_difference([p * real for p in patterns], [m * real for m in maps]) < ROUNDING
    assert float(((streamed_logits - logits) * real[:, 0]).abs().max()) < 1e-3


def test_cached_prefix_gives_the_same_rows(tiny):
    tokens = random_tokens()
    _, maps = eager(tiny, input_ids=tokens)
    patterns = Patterns()
    with reading(tiny, patterns):
        cache = tiny(tokens[:, :25], use_cache=True).past_key_values
        tiny(tokens[:, 25:], past_key_values=cache, use_cache=True)
    for layer, pattern in patterns.by_layer.items():
        n_keys = pattern.shape[-1]
        expected = maps[layer][:, :, 25:, -n_keys:]
        assert float((pattern - expected).abs().max()) < ROUNDING


@pytest.mark.parametrize("name", ["mistral_window", "gemma3_one_kv_head", "gpt_oss_sinks", "llama"])
def test_cached_prefix_with_left_padding_gives_the_same_rows(name):
    model = make_tiny(name)
    tokens = random_tokens()
    attention_mask = torch.ones_like(tokens)
    attention_mask[0, :5] = 0
    attention_mask[1, :30] = 0
    _, maps = eager(model, input_ids=tokens, attention_mask=attention_mask)
    patterns = Patterns()
    with reading(model, patterns):
        cache = model(tokens[:, :33], attention_mask=attention_mask[:, :33], use_cache=True).past_key_values
        model(tokens[:, 33:], attention_mask=attention_mask, past_key_values=cache, use_cache=True)
    for layer, pattern in patterns.by_layer.items():
        expected = maps[layer][:, :, 33:, -pattern.shape[-1] :]
        assert float((pattern - expected).abs().max()) < ROUNDING


def test_rows_of_blocks_equal_the_fused_kernel(computed_by, monkeypatch):
    torch.manual_seed(0)
    query, key, value = torch.randn(2, 6, 50, 16), torch.randn(2, 3, 50, 16), torch.randn(2, 3, 50, 16)
    fused = kernels.fused(query, key, value, Scoring(None, True, 0.25))
    monkeypatch.setattr(blocks, "BLOCK", 7)
    of_blocks = kernels.blockwise(query, key, value, Scoring(None, True, 0.25))
    assert largest_difference(fused, of_blocks) < ROUNDING


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_low_precision_stays_close_to_eager(dtype):
    torch.manual_seed(0)
    query, key, value = (torch.randn(1, 4, 64, 16, dtype=dtype) for _ in range(3))
    output, log_sum_exp = kernels.fused(query, key, value, Scoring(None, True, 0.25))
    exact, exact_log_sum = kernels.blockwise(query.double(), key.double(), value.double(), Scoring(None, True, 0.25))
    assert log_sum_exp.dtype == torch.float32
    assert float((output - exact).abs().max()) < 2e-2
    assert float((log_sum_exp - exact_log_sum).abs().max()) < 2e-2


def test_many_keys_are_read_in_parts(tiny_llama, monkeypatch):
    _, whole = streamed(tiny_llama.module, input_ids=random_tokens())
    monkeypatch.setattr(cpu_kernels, "fits", lambda *tensors: False)
    monkeypatch.setattr(pairs, "PAIRS_AT_ONCE", 7)
    _, parts = streamed(tiny_llama.module, input_ids=random_tokens())
    assert largest_difference(whole, parts) < ROUNDING


def test_inputs_are_not_changed(tiny_llama):
    tokens = random_tokens()
    keys = torch.arange(LENGTH)[None, :, None].expand(2, -1, 1).clone()
    before = tokens.clone(), keys.clone()
    with reading(tiny_llama.module, PassReader([KeyMass(keys)], N_LAYERS)):
        tiny_llama.read(tokens)
    assert torch.equal(tokens, before[0])
    assert torch.equal(keys, before[1])


def test_masses_sum_keys_and_average_counted_queries(tiny_llama):
    tokens = random_tokens()
    _, maps = eager(tiny_llama.module, input_ids=tokens)
    keys = torch.full((2, LENGTH, 2), -1)
    keys[:, 5] = torch.tensor([1, 3])
    keys[:, 9, 0] = 9
    reader = PassReader([KeyMass(keys)], N_LAYERS)
    with reading(tiny_llama.module, reader):
        tiny_llama.read(tokens)
    for layer, pattern in enumerate(maps):
        expected = (pattern[:, :, 5, 1] + pattern[:, :, 5, 3] + pattern[:, :, 9, 9]) / 2
        assert torch.allclose(reader.all_layers(0)[:, layer].float(), expected, atol=ROUNDING)


def test_keys_that_no_query_can_see_give_no_score(tiny_llama):
    later = (torch.arange(LENGTH) + 1).clamp(max=LENGTH - 1).expand(1, LENGTH)[..., None].clone()
    later[0, -1] = -1
    reader = PassReader([KeyMass(later)], N_LAYERS)
    with reading(tiny_llama.module, reader):
        tiny_llama.read(random_tokens(batch=1))
    assert reader.all_layers(0).isnan().all()


def test_implementation_is_restored_after_reading(tiny_llama):
    before = tiny_llama.module.config._attn_implementation
    seen = []

    class Interrupting:
        def read(self, call):
            seen.append(tiny_llama.module.config._attn_implementation)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), reading(tiny_llama.module, Interrupting()):
        tiny_llama.read(random_tokens())
    assert seen == [IMPLEMENTATION]
    assert tiny_llama.module.config._attn_implementation == before


def test_dropout_is_refused():
    with pytest.raises(UnsupportedModelError, match="dropout"):
        streaming_attention(nn.Identity(), *[torch.zeros(1, 2, 3, 4)] * 3, None, dropout=0.1)


def test_prepared_masks_are_honoured():
    torch.manual_seed(0)
    query, key, value = (torch.randn(1, 2, 6, 4) for _ in range(3))
    allowed = torch.tril(torch.ones(6, 6, dtype=torch.bool))
    allowed[:, 2] = False
    allowed[2, 2] = True
    additive = torch.zeros(6, 6).masked_fill(~allowed, torch.finfo(torch.float32).min)
    expected = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=allowed)
    for mask in (allowed, additive):
        output, _ = streaming_attention(nn.Identity(), query, key, value, mask[None, None])
        assert torch.allclose(output.transpose(1, 2), expected, atol=1e-6)


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(UnsupportedModelError, match="shape"):
        streaming_attention(nn.Identity(), *[torch.zeros(1, 2, 3, 4)] * 3, torch.zeros(3, 3))


def test_low_precision_blocks_read_what_they_compute():
    torch.manual_seed(0)
    query, key, value = (4 * torch.randn(1, 2, 32, 16, dtype=torch.bfloat16) for _ in range(3))
    patterns = Patterns()
    token = attention._reader.set(patterns)
    module = nn.Identity()
    module.layer_idx = 0
    streaming_attention(module, query, key, value, torch.ones(1, 1, 32, 32).tril().bool())
    attention._reader.reset(token)
    assert float((patterns.by_layer[0].sum(-1) - 1).abs().max()) < 1e-5


def test_mask_is_left_out_only_where_plain_attention_will_do():
    plain = describe_mask(1, 8, 8)
    full_padding = describe_mask(1, 8, 8, attention_mask=torch.ones(1, 8, dtype=torch.bool))
    wide_window = describe_mask(1, 8, 8, local_size=8)
    assert (plain, full_padding, wide_window) == (None, None, None)
    assert isinstance(describe_mask(1, 8, 8, local_size=7), Mask)
    assert describe_mask(1, 4, 8, q_offset=4) is None  # behind a cached prefix
    assert isinstance(describe_mask(1, 4, 8, q_offset=3), Mask)
    assert isinstance(describe_mask(1, 8, 8, attention_mask=torch.tensor([[False] + [True] * 7])), Mask)


def test_layer_that_calls_twice_is_refused(tiny_llama):
    reader = PassReader([KeyMass(torch.zeros(2, LENGTH, 1, dtype=torch.int64))], N_LAYERS)
    with reading(tiny_llama.module, reader):
        tiny_llama.read(random_tokens())
        with pytest.raises(UnsupportedModelError, match="more than once"):
            tiny_llama.read(random_tokens())


def test_layers_with_different_numbers_of_heads_are_refused():
    reader, first, second = PassReader([KeyMass(torch.zeros(1, 4, 1, dtype=torch.int64))], 2), nn.Module(), nn.Module()
    first.layer_idx, second.layer_idx = 0, 1
    token = attention._reader.set(reader)
    try:
        streaming_attention(first, *torch.randn(3, 1, 4, 4, 8), None)
        with pytest.raises(UnsupportedModelError, match="layer 1 has 1 heads, others have 4"):
            streaming_attention(second, *torch.randn(3, 1, 1, 4, 8), None)
    finally:
        attention._reader.reset(token)


def test_setting_the_implementation_leaves_other_models_alone():
    other = transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2
        )
    )
    attention.register()
    assert other.config._attn_implementation != IMPLEMENTATION
