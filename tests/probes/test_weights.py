"""Weights by head against what the model itself computes, on every tiny architecture."""

import pytest
import torch
import transformers
from torch import nn

from probes import load_model
from probes.attention import reading
from probes.circuits.direct_effects import direct_effects
from probes.circuits.effective_embedding import effective_embedding
from probes.errors import SelfCheckError, UnsupportedModelError
from probes.forward import read
from probes.inputs import TokenBatch
from probes.readouts.final_residual import FinalResidual
from probes.readouts.head_output import HeadOutput
from probes.weights import Norm

from .conftest import TINY, make_tiny

TOKENS = torch.randint(4, 90, (2, 12), generator=torch.Generator().manual_seed(5))
POSITIONS = torch.tensor([[11, 3], [0, 7]])
ROTATES_WITH_NORM = {"qwen3", "gemma3_one_kv_head", "olmo2"}  # queries and keys are normed behind the projection
SCALES_ITS_QUERIES = {"opt", "gpt_oss_sinks"}  # in the projection, and in the rotation


@pytest.fixture(scope="module", params=sorted(TINY))
def model(request):
    return request.param, load_model(make_tiny(request.param))


def test_weights_pass_their_own_check_in_every_layer(model):
    _, probed = model
    weights = probed.weights.layer(1)
    assert weights.W_Q.shape == (4, 32, probed.shape.d_head)
    assert weights.W_K.shape == (probed.shape.n_key_value_heads, 32, probed.shape.d_head)
    assert weights.W_O.shape == (4, probed.shape.d_head, 32)
    assert probed.weights.W_U.shape == (32, 96)


def test_queries_and_keys_at_the_first_position_are_those_of_the_weights(model):
    """Rotary positions turn nothing there."""
    name, probed = model
    if name in ROTATES_WITH_NORM:
        pytest.skip("norms stand between the projection and the attention function")
    calls = {}

    class Keep:
        def read(self, call):
            calls[call.layer] = call

    blocks = next(part for part in probed.module.base_model.modules() if isinstance(part, nn.ModuleList))
    inputs = []
    hook = blocks[0].register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    with reading(probed.module, Keep()):
        probed.read(TOKENS)
    hook.remove()
    weights = probed.weights.layer(0)
    x = weights.normed(inputs[0][:, 0].float())
    ours = weights.qk_scores(x, x).diagonal(dim1=1, dim2=2).T
    call = calls[0]
    keys = call.key[:, :, 0].repeat_interleave(call.n_groups, 1)
    theirs = (call.query[:, :, 0] * keys).sum(-1)
    factor = float((ours * theirs).sum() / theirs.square().sum())
    assert factor == pytest.approx(1, abs=1e-3) or name in SCALES_ITS_QUERIES
    assert torch.allclose(ours, factor * theirs, rtol=1e-3, atol=1e-3)


def test_logits_of_the_final_residual_are_the_models_own(model):
    _, probed = model
    (residual,) = read(probed, TokenBatch(TOKENS), [FinalResidual(POSITIONS)])
    with torch.no_grad():
        theirs = probed.module(TOKENS).logits.gather(1, POSITIONS[..., None].expand(-1, -1, 96))
    ours = probed.weights.logits(residual)
    cap = getattr(probed.module.config, "final_logit_softcapping", None)
    ours = ours if cap is None else cap * torch.tanh(ours / cap)
    bias = getattr(probed.module.get_output_embeddings(), "bias", None)
    ours = ours if bias is None else ours + bias
    assert torch.allclose(ours, theirs, rtol=1e-3, atol=1e-3 * float(theirs.detach().abs().max()))


def test_direct_effects_of_the_last_layer_are_what_ablating_it_in_the_residual_does(model):
    """Taking a head's output out of the final residual lowers the logits by its direct effect, the norm held still."""
    _, probed = model
    batch = TokenBatch(TOKENS)
    z, residual = read(probed, batch, [HeadOutput(POSITIONS), FinalResidual(POSITIONS)])
    weights = probed.weights
    target = torch.tensor([[7, 8], [9, 10]])
    effects = direct_effects(weights, z, residual, weights.direction(target))
    assert effects.shape == (2, 2, 4, 2)
    written = weights.layer(1).head_outputs(z[:, 1])
    scale = weights.final_norm.scale(residual)
    for head in range(4):
        change = weights.final_norm.linear(residual, scale) - weights.final_norm.linear(
            residual - written[:, head], scale
        )
        assert torch.allclose(effects[:, 1, head], (change * weights.direction(target)).sum(-1), rtol=1e-3, atol=1e-3)


def test_effective_embedding_is_the_residual_stream_behind_the_first_block(model):
    _, probed = model
    ids = torch.tensor([5, 9, 50])
    with torch.no_grad():
        states = probed.module(ids[:, None], output_hidden_states=True).hidden_states
    assert torch.allclose(effective_embedding(probed, ids), states[1][:, 0], rtol=1e-4, atol=1e-4)


def test_ov_circuit_is_value_then_output(tiny_llama):
    weights = tiny_llama.weights.layer(0)
    x = torch.randn(3, 32, generator=torch.Generator().manual_seed(0))
    through = weights.through_ov(x)
    expected = weights.normed(x) @ weights.W_V[1] @ weights.W_O[3]
    assert torch.allclose(through[3], expected, atol=1e-4)


@pytest.mark.parametrize("make", [lambda: nn.LayerNorm(7), lambda: nn.RMSNorm(7, eps=1e-5)], ids=["layer", "rms"])
def test_norm_is_found_by_trying_it(make):
    module = make()
    for parameter in module.parameters():
        parameter.data.normal_()
    x = torch.randn(5, 7)
    norm = Norm.of(module, 7)
    assert norm.is_centred == isinstance(module, nn.LayerNorm)
    assert torch.allclose(norm(x), module(x), atol=1e-4)


def test_module_that_is_no_norm_is_refused():
    with pytest.raises(UnsupportedModelError, match="Linear"):
        Norm.of(nn.Linear(8, 8), 8)


def test_unknown_projection_names_are_refused():
    config = transformers.BertConfig(
        vocab_size=96, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4
    )
    with pytest.raises(UnsupportedModelError, match="no language head"):
        _ = load_model(transformers.BertModel(config)).weights


def test_wrong_layout_is_caught(monkeypatch):
    from probes.adapters import _projections

    monkeypatch.setitem(_projections.LAYOUTS, ("query_key_value", "dense"), lambda a, s: swapped(a, s))
    original = _projections._gpt_neox

    def swapped(attention, shape):
        right = original(attention, shape)
        return _projections.Projections(right.query, right.value, right.key, right.output)

    with pytest.raises(SelfCheckError, match="values"):
        _ = load_model(make_tiny("gpt_neox")).weights
