"""The demo model, a real one: streamed scores against eager maps, and the heads that are known to be there."""

import pytest
import torch

from catalog.files import runs_folder
from catalog.runs import read_run
from probes import run
from probes.attention import attention_implementation
from probes.detectors import load
from probes.recipes.repeated_tokens import RepeatedTokens

N_SAMPLES = 4
STREAMED = ("previous_token", "first_token", "duplicate_token", "induction")


@pytest.fixture(scope="module")
def batch(demo):
    return RepeatedTokens(n_samples=N_SAMPLES).batch(demo)


@pytest.fixture(scope="module")
def eager_maps(demo, batch):
    """Maps of every layer, shape (sample, layer, head, query_pos, key_pos)."""
    with attention_implementation(demo.module, "eager"), torch.inference_mode():
        output = demo.module.base_model(batch.tokens, output_attentions=True, use_cache=False)
    return torch.stack(output.attentions, dim=1)


@pytest.fixture(scope="module")
def results(demo):
    return run(demo, STREAMED, n_samples=N_SAMPLES, progress=False)


@pytest.mark.parametrize("name", STREAMED)
def test_streamed_scores_of_all_270_heads_equal_eager_maps(name, results, batch, eager_maps):
    keys = load(name).key_positions(batch)
    counts = (keys >= 0)[:, None, None]
    taken = eager_maps.gather(-1, keys.clamp(min=0)[:, None, None].expand(*eager_maps.shape[:3], *keys.shape[1:]))
    expected = ((taken * counts).sum(-1).sum(-1) / counts.any(-1).sum(-1)).mean(0)
    scores = torch.tensor(results[name].run.scores)
    assert scores.numel() == 270
    assert float((scores - expected).abs().max()) < 1e-5


def test_known_induction_heads_are_among_the_five_best(results):
    best = [str(score.head) for score in results["induction"].top(5)]
    assert {"L18H6", "L17H3", "L18H7"} <= set(best)


def test_known_previous_token_and_duplicate_token_heads_are_best(results):
    assert str(results["previous_token"].top(1)[0].head) == "L16H0"
    assert str(results["duplicate_token"].top(1)[0].head) == "L8H0"


@pytest.fixture(scope="module")
def whole_run(demo):
    """The run that is committed, once more: all samples at the default settings."""
    return run(demo, STREAMED, progress=False)


@pytest.mark.slow  # the example of the README asks it of two detectors
@pytest.mark.parametrize("name", STREAMED)
def test_committed_run_is_what_this_code_measures(name, demo, whole_run):
    recorded = read_run(runs_folder() / demo.record.slug / f"{name}.json")
    measured = whole_run[name].run
    assert measured.repeats(recorded)
