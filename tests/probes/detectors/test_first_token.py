"""The first-token detector on patterns written by hand and on models without such a head."""

import pytest
import torch

from probes import run
from probes.detectors import load
from probes.inputs import TokenBatch

DETECTOR = load("first_token")


def test_attention_to_the_first_position_scores_one(score):
    assert score(DETECTOR, [5, 6, 7], [[1, 0, 0], [1, 0, 0], [1, 0, 0.0]]) == 1


def test_attention_elsewhere_scores_zero(score):
    assert score(DETECTOR, [5, 5, 5], [[1, 0, 0], [0, 1, 0], [0, 0.5, 0.5]]) == 0


def test_first_query_sees_nothing_else_and_does_not_count():
    assert DETECTOR.key_positions(TokenBatch(torch.tensor([[5, 6, 7]])))[0, :, 0].tolist() == [-1, 0, 0]


def test_planted_models_have_no_such_head(planted):
    assert run(planted, "first_token", half_length=40, n_samples=4, progress=False)["first_token"].called() == []


def test_curve_gives_what_a_shorter_input_would(tiny_llama):
    tokens = torch.randint(4, 96, (3, 20), generator=torch.Generator().manual_seed(0))
    whole = run(tiny_llama, "first_token", tokens=tokens, progress=False)["first_token"].run.notes
    short = run(tiny_llama, "first_token", tokens=tokens[:, :8], progress=False)["first_token"].run
    assert whole.keys() == {"mean_at_8", "sinks_at_8", "mean_at_16", "sinks_at_16"}
    assert whole["mean_at_8"] == pytest.approx(float(torch.tensor(short.scores).mean()), abs=1e-3)
    assert short.notes == {}
