"""The current-token detector on patterns written by hand and on models without such a head."""

import torch

from probes import run
from probes.detectors import load
from probes.inputs import TokenBatch

DETECTOR = load("current_token")


def test_attention_to_itself_scores_one(score):
    assert score(DETECTOR, [5, 6, 7], [[1, 0, 0], [0, 1, 0], [0, 0, 1.0]]) == 1


def test_attention_elsewhere_scores_zero(score):
    assert score(DETECTOR, [5, 6, 7], [[1, 0, 0], [1, 0, 0], [0.5, 0.5, 0.0]]) == 0


def test_first_query_sees_nothing_else_and_does_not_count():
    assert DETECTOR.key_positions(TokenBatch(torch.tensor([[5, 6, 7]])))[0, :, 0].tolist() == [-1, 1, 2]


def test_planted_models_have_no_such_head(planted):
    assert run(planted, "current_token", half_length=40, n_samples=4, progress=False)["current_token"].called() == []
