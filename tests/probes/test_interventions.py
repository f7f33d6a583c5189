"""Heads that are scaled or replaced while a model runs, on every tiny architecture."""

import pytest
import torch

from probes import load_model
from probes.adapters._projections import projections
from probes.attention import attention_implementation, reading
from probes.errors import BadInputError, UnsupportedModelError
from probes.forward import PassReader
from probes.interventions import replaced_heads, scaled_heads
from probes.readouts.head_output import HeadOutput

TOKENS = torch.randint(4, 90, (2, 15), generator=torch.Generator().manual_seed(3))
ROUNDING = 2e-4  # of logits around 10, through other kernels


@pytest.fixture
def model(tiny):
    return load_model(tiny)


def logits(model):
    with torch.no_grad():
        return model.module(TOKENS, use_cache=False).logits


def attention_modules(model):
    return [module for module in model.module.modules() if getattr(module, "layer_idx", None) == 1]


def test_scaling_all_heads_by_one_changes_nothing(model):
    factors = {f"L{layer}H{head}": 1.0 for layer in range(2) for head in range(4)}
    with scaled_heads(model, {}):
        clean = logits(model)
    with scaled_heads(model, factors):
        assert torch.equal(logits(model), clean)
    assert float((logits(model) - clean).abs().max()) < ROUNDING * float(clean.abs().max())


def test_scaling_a_head_to_zero_equals_zeroing_its_output_weights(model):
    before = logits(model)
    with scaled_heads(model, {"L1H2": 0.0}):
        ablated = logits(model)
    attention = next(module for module in attention_modules(model) if hasattr(module, "forward") and has_output(module))
    weight, _ = projections(attention, model.shape).output
    width = weight.shape[0] // 4
    weight[2 * width : 3 * width] = 0  # a view of the model's own weights
    expected = logits(model)
    assert float((before - expected).abs().max()) > 1e-3
    assert float((ablated - expected).abs().max()) < ROUNDING * float(expected.abs().max())


def has_output(module):
    return any(hasattr(module, name) for name in ("o_proj", "out_proj", "dense", "c_proj")) and any(
        hasattr(module, name) for name in ("q_proj", "c_attn", "query_key_value")
    )


def test_replaced_output_is_what_is_read(tiny_llama):
    new = torch.arange(tiny_llama.shape.d_head, dtype=torch.float32)
    reader = PassReader([HeadOutput(torch.tensor([[0, 14], [3, 4]]))], tiny_llama.shape.n_layers)
    with replaced_heads(tiny_llama, {"L0H3": new}), reading(tiny_llama.module, reader):
        tiny_llama.read(TOKENS)
    z = reader.all_layers(0)[:, 0]
    assert torch.equal(z[:, 3], new.expand(2, 2, -1))
    assert not torch.equal(z[:, 2], new.expand(2, 2, -1))


def test_gradients_flow_through_an_edited_pass(tiny_llama):
    embeddings = tiny_llama.module.get_input_embeddings()(TOKENS).detach().requires_grad_()
    with scaled_heads(tiny_llama, {"L0H0": 0.5}):
        tiny_llama.module(inputs_embeds=embeddings, use_cache=False).logits.sum().backward()
    assert embeddings.grad.abs().sum() > 0


def test_head_that_does_not_exist_is_refused(tiny_llama):
    with pytest.raises(BadInputError, match="L2H0"), scaled_heads(tiny_llama, {"L2H0": 0.0}):
        pass


def test_editor_that_was_never_asked_is_an_error(tiny_llama):
    with (
        pytest.raises(UnsupportedModelError, match="never called"),
        scaled_heads(tiny_llama, {"L1H0": 0.0}),
        attention_implementation(tiny_llama.module, "eager"),
    ):
        tiny_llama.read(TOKENS)
