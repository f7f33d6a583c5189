"""Models that the tests of the probes share: planted ones, and tiny random ones of many architectures."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers
from rich.progress import Progress, TaskID

from probes import cpu_kernels, load_model
from probes.adapters.base import ProbedModel
from probes.tiny.planted import planted_gpt2, planted_llama

N_LAYERS = 2

SIZES = {
    "vocab_size": 96,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": N_LAYERS,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
}
GROUPED = SIZES | {"num_key_value_heads": 2}
WINDOW = 8

TINY: dict[str, Callable[[], transformers.PreTrainedModel]] = {
    "llama": lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**GROUPED)),
    "llama_wide_heads": lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**GROUPED, head_dim=24)),
    "gpt2": lambda: transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=96, n_positions=128, n_embd=32, n_layer=N_LAYERS, n_head=4)
    ),
    "gpt_neox": lambda: transformers.GPTNeoXForCausalLM(transformers.GPTNeoXConfig(**SIZES)),
    "mistral_window": lambda: transformers.MistralForCausalLM(
        transformers.MistralConfig(**GROUPED, sliding_window=WINDOW)
    ),
    "gemma2_softcap": lambda: transformers.Gemma2ForCausalLM(
        transformers.Gemma2Config(**GROUPED, head_dim=8, sliding_window=WINDOW, attn_logit_softcapping=2.0)
    ),
    "gemma3_one_kv_head": lambda: transformers.Gemma3ForCausalLM(
        transformers.Gemma3TextConfig(
            **SIZES,
            num_key_value_heads=1,
            head_dim=8,
            sliding_window=WINDOW,
            layer_types=["sliding_attention", "full_attention"],
        )
    ),
    "gpt_oss_sinks": lambda: transformers.GptOssForCausalLM(
        transformers.GptOssConfig(
            **GROUPED, head_dim=8, sliding_window=WINDOW, num_local_experts=4, num_experts_per_tok=2
        )
    ),
    "qwen3": lambda: transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**GROUPED, head_dim=8)),
    "phi": lambda: transformers.PhiForCausalLM(transformers.PhiConfig(**SIZES)),
    "opt": lambda: transformers.OPTForCausalLM(
        transformers.OPTConfig(
            vocab_size=96,
            hidden_size=32,
            ffn_dim=32,
            num_hidden_layers=N_LAYERS,
            num_attention_heads=4,
            max_position_embeddings=128,
            word_embed_proj_dim=32,
        )
    ),
    "olmo2": lambda: transformers.Olmo2ForCausalLM(transformers.Olmo2Config(**GROUPED)),
}


def make_tiny(name: str) -> transformers.PreTrainedModel:
    """A tiny random model whose scores are large enough to give uneven attention."""
    torch.manual_seed(0)
    model = TINY[name]().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return model


@pytest.fixture(params=sorted(TINY))
def tiny(request: pytest.FixtureRequest) -> transformers.PreTrainedModel:
    """Each tiny architecture in turn."""
    return make_tiny(request.param)


@pytest.fixture(scope="session")
def tiny_llama() -> ProbedModel:
    """A random Llama with two query heads on each key-value head."""
    return load_model(make_tiny("llama"), name="Tiny Llama")


class NotingBars(Progress):
    """Progress bars that are not drawn and note how far they were said to be."""

    def __init__(self) -> None:
        super().__init__(disable=True)
        self.shown: list[float] = []

    def update(self, task_id: TaskID, **changes: Any) -> None:
        """Note it."""
        self.shown.append(changes["completed"])
        super().update(task_id, **changes)


@pytest.fixture
def noting_bars() -> NotingBars:
    """A display of progress bars that notes what it is told."""
    return NotingBars()


@pytest.fixture(scope="session", params=["llama", "gpt2"])
def planted(request: pytest.FixtureRequest) -> ProbedModel:
    """Each planted model in turn."""
    model = planted_llama() if request.param == "llama" else planted_gpt2()
    return load_model(model, name=f"Planted {request.param}")


@pytest.fixture(params=["compiled kernels", "torch"])
def computed_by(request, monkeypatch):
    """Both ways in which a processor makes rows of maps; without gradients, which the compiled one does not take."""
    if request.param == "torch":
        monkeypatch.setattr(cpu_kernels, "fits", lambda *tensors: False)
    with torch.no_grad():
        yield request.param
