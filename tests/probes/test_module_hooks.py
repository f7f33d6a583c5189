"""The fallback for models outside the attention interface: what it reads, keeps, says and refuses.

That every pattern detector equals eager maps is asked of these models too, in test_architectures.py.
"""

import weakref
from contextlib import nullcontext

import pytest
import torch

from probes import load_model, module_hooks, run
from probes.adapters import _map_check
from probes.adapters.base import backbone
from probes.errors import SelfCheckError, UnsupportedModelError
from probes.forward import PassReader, read
from probes.inputs import TokenBatch
from probes.interventions import scaled_heads
from probes.module_hooks import FALLBACK
from probes.readouts.final_residual import FinalResidual
from probes.readouts.head_output import HeadOutput
from probes.readouts.rows import Rows
from probes.tiny.architectures import tiny_model

from .eager_maps import eager_maps

NAMES = ["albert", "bloom", "convbert", "deberta-v2", "doge", "falcon", "gpt_neo", "openai-gpt", "xglm"]
"""One architecture of every way in which modules hand out maps."""

LENGTH = 24
ROUNDING = 1e-5
TOKENS = torch.randint(3, 96, (2, LENGTH), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module", params=NAMES)
def model(request):
    """Each architecture of the fallback in turn."""
    return load_model(tiny_model(request.param), name=request.param)


@pytest.fixture(scope="module")
def gptj():
    return load_model(tiny_model("gptj"), name="gptj")


class CountingReader:
    """Counts the maps that are alive whenever one is shown."""

    def __init__(self):
        self.maps = []
        self.n_alive = []

    def read(self, call):
        self.maps.append(weakref.ref(call.pattern))
        self.n_alive.append(sum(one() is not None for one in self.maps))


def test_map_lives_for_one_layer_only(model):
    assert model.attention == FALLBACK
    reader = CountingReader()
    with model.reading(reader):
        model.read(TOKENS)
    assert reader.n_alive == [1, 1]


def test_reading_changes_neither_output_nor_model(model):
    before = model.module.config._attn_implementation
    n_hooks = sum(len(module._forward_hooks) for module in model.module.modules())
    with torch.no_grad():
        plain = backbone(model.module)(TOKENS).last_hidden_state
    with model.reading(CountingReader()):
        assert model.module.config._attn_implementation == "eager"
        read_along = backbone(model.module)(TOKENS).last_hidden_state
    assert float((read_along - plain).abs().max()) < 1e-3
    assert model.module.config._attn_implementation == before
    assert sum(len(module._forward_hooks) for module in model.module.modules()) == n_hooks


def test_keys_of_a_cached_prefix_stand_before_the_first_query(gptj, monkeypatch):
    monkeypatch.setattr(gptj.module.config, "sliding_window", None)  # the cache would drop what GPT-J still sees
    maps = eager_maps(gptj, TOKENS)
    rows = Rows(torch.tensor([[0, 8], [3, -1]]))
    reader = PassReader([rows], gptj.shape.n_layers)
    with torch.no_grad():
        cache = gptj.module(TOKENS[:, :15], use_cache=True).past_key_values
    with gptj.reading(reader):
        gptj.module(TOKENS[:, 15:], past_key_values=cache, use_cache=True)
    found = reader.all_layers(0)
    assert float((found[0, :, :, 0] - maps[0, :, :, 15]).abs().max()) < ROUNDING
    assert float((found[0, :, :, 1] - maps[0, :, :, 23]).abs().max()) < ROUNDING
    assert float((found[1, :, :, 0] - maps[1, :, :, 18]).abs().max()) < ROUNDING
    assert not found[1, :, :, 1].any()


def test_hook_that_is_never_called_is_an_error():
    model = load_model(tiny_model("gptj"), name="gptj")
    model.module.transformer.h[1].attn = tiny_model("gptj").transformer.h[1].attn
    with pytest.raises(UnsupportedModelError, match="layer 1 never handed out its attention map"):
        run(model, "previous_token", progress=False)


def test_layers_that_run_out_of_turn_are_an_error():
    model = load_model(tiny_model("gptj"), name="gptj")
    model.module.transformer.h = torch.nn.ModuleList(reversed(model.module.transformer.h))
    with pytest.raises(UnsupportedModelError, match="GPTJAttention ran out of turn"):
        run(model, "previous_token", progress=False)


def test_module_that_hands_out_no_map_any_more_is_an_error(gptj):
    attention = gptj.map_sources[0].module
    with gptj.reading(CountingReader()):
        hook = attention.register_forward_hook(lambda module, args, output: (output[0], None), prepend=True)
        try:
            with pytest.raises(UnsupportedModelError, match="layer 0: GPTJAttention handed out no attention map"):
                gptj.read(TOKENS)
        finally:
            hook.remove()


def test_run_says_the_way_and_leaves_out_what_needs_more_than_maps(gptj):
    results = run(gptj, "all", n_samples=2, half_length=20, progress=False)
    assert results["induction"].run.provenance.attention == FALLBACK
    assert {"previous_token", "first_token", "entropy", "distance", "induction_argmax", "local"} <= set(results)
    assert "weights of its heads" in results.left_out["copying"]


def test_outputs_and_interventions_are_refused(gptj):
    with pytest.raises(UnsupportedModelError, match="maps can be read, the outputs of its heads cannot"):
        read(gptj, TokenBatch(TOKENS), [HeadOutput(torch.zeros(2, 1, dtype=torch.int64))])
    with pytest.raises(UnsupportedModelError, match="can be read, but not changed"), scaled_heads(gptj, {"L0H0": 0.0}):
        pass
    with pytest.raises(UnsupportedModelError, match="GPTJForCausalLM does not use the attention interface"):
        gptj.weights.layer(0)


def test_unembedding_is_known_without_the_heads(gptj):
    (residual,) = read(gptj, TokenBatch(TOKENS), [FinalResidual(torch.arange(LENGTH).expand(2, -1))])
    with torch.no_grad():
        logits = gptj.module(TOKENS).logits - gptj.module.lm_head.bias
        assert float((gptj.weights.logits(residual) - logits).abs().max()) < 1e-3


def test_eager_attention_that_is_not_what_the_model_computes_is_caught(monkeypatch):
    """Falcon hands out maps without a causal mask if it is asked for them while it runs on another implementation."""
    monkeypatch.setattr(module_hooks, "eager_attention", nullcontext)
    with pytest.raises(SelfCheckError, match="changes its output"):
        load_model(tiny_model("falcon"))


def test_map_that_is_none_is_caught(monkeypatch):
    right = module_hooks.MappedCall.of
    monkeypatch.setattr(module_hooks.MappedCall, "of", lambda layer, pattern, seen: right(layer, pattern * 1.01, seen))
    with pytest.raises(SelfCheckError, match="sum to one only within"):
        load_model(tiny_model("bloom"))


def test_number_of_key_value_heads_is_read_off_the_module():
    assert load_model(tiny_model("falcon")).shape.n_key_value_heads == 1
    assert _map_check._own_size(torch.nn.Identity(), ("num_kv_heads",), 7) == 7
