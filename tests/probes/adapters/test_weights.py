"""Weights by head where architectures keep them in unusual places, or multiply what goes in and out."""

import pytest
import torch

from probes import load_model
from probes.attention import reading
from probes.errors import UnsupportedModelError
from probes.tiny.architectures import tiny_model

TOKENS = torch.randint(4, 90, (2, 6), generator=torch.Generator().manual_seed(5))
MULTIPLIERS = {"attention_in_multiplier": 1.5, "attention_out_multiplier": 0.7, "key_multiplier": 0.3}
MODELS = {
    "ctrl": lambda: tiny_model("ctrl"),
    "gpt_bigcode one key-value head": lambda: tiny_model("gpt_bigcode", multi_query=True),
    "gpt_bigcode in turn": lambda: tiny_model("gpt_bigcode", multi_query=False),
    "falcon_h1": lambda: tiny_model("falcon_h1", **MULTIPLIERS),
    "hunyuan_v1_moe": lambda: tiny_model("hunyuan_v1_moe"),
    "granite": lambda: tiny_model("granite", residual_multiplier=0.22),
    "glm": lambda: tiny_model("glm"),
}
NORMED_QUERIES = {"hunyuan_v1_moe"}


class Calls(dict):
    """The attention call of every layer."""

    def read(self, call):
        self[call.layer] = call


@pytest.fixture(scope="module", params=MODELS)
def traced(request):
    """The model's name, its weights, what its first block took, and its attention calls."""
    model = load_model(MODELS[request.param](), name=request.param)
    inputs, calls = [], Calls()
    hook = model.weights.first_block.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    with reading(model.module, calls), torch.no_grad():
        model.read(TOKENS)
    hook.remove()
    return request.param, model, inputs[0].float(), calls


def test_queries_keys_and_values_are_those_of_the_normed_residual_stream(traced):
    """At the first position, where rotary positions turn nothing."""
    name, model, residual, calls = traced
    weights, call = model.weights.layer(0), calls[0]
    x = weights.normed(residual[:, 0])
    found = {"value": (x @ weights.W_V + weights.b_V[:, None], call.value)}
    if name not in NORMED_QUERIES:
        found["query"] = (x @ weights.W_Q + weights.b_Q[:, None], call.query)
        found["key"] = (x @ weights.W_K + weights.b_K[:, None], call.key)
    for what, (ours, theirs) in found.items():
        assert torch.allclose(ours.transpose(0, 1), theirs[:, :, 0], rtol=1e-3, atol=1e-3), what


def test_head_outputs_add_up_to_what_granite_adds_to_the_residual_stream():
    model = load_model(MODELS["granite"]())
    block, taken = model.weights.first_block, {}
    for name, module in (("before", block), ("behind", block.post_attention_layernorm)):
        module.register_forward_pre_hook(lambda _, args, name=name: taken.update({name: args[0]}))
    calls = Calls()
    with reading(model.module, calls), torch.no_grad():
        model.read(TOKENS)
    weights = model.weights.layer(0)
    added = weights.head_outputs(calls[0].output).sum(1) + weights.b_O
    assert torch.allclose(added, taken["behind"] - taken["before"], atol=1e-4)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("afmoe", "a gate"),
        ("qwen3_next", "a gate"),
        ("bitnet", "norms what the heads give"),
        ("gemma4_text", "norms its values"),
        ("deepseek_v3", "narrow latent"),
        ("jetmoe", "chooses experts"),
    ],
)
def test_attention_that_is_more_than_matrices_is_refused_with_the_reason(name, reason):
    with pytest.raises(UnsupportedModelError, match=reason):
        _ = load_model(tiny_model(name)).weights
