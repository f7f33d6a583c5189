"""The previous-token detector on patterns written by hand and on planted heads."""

import pytest
import torch

from probes import run
from probes.detectors import load
from probes.inputs import TokenBatch
from probes.tiny.planted import PREVIOUS_TOKEN_HEAD

DETECTOR = load("previous_token")


def test_attention_one_back_scores_one(score):
    assert score(DETECTOR, [5, 6, 7], [[1, 0, 0], [1, 0, 0], [0, 1, 0.0]]) == 1


def test_attention_elsewhere_scores_zero(score):
    assert score(DETECTOR, [5, 6, 7], [[1, 0, 0], [0, 1, 0], [1, 0, 0.0]]) == 0


def test_first_query_does_not_count():
    assert DETECTOR.key_positions(TokenBatch(torch.tensor([[5, 6, 7]])))[0, :, 0].tolist() == [-1, 0, 1]


def test_exactly_the_planted_head_is_called(planted):
    found = run(planted, "previous_token", half_length=40, n_samples=4, progress=False)["previous_token"]
    assert found.run.called() == [PREVIOUS_TOKEN_HEAD]
    assert found[PREVIOUS_TOKEN_HEAD].score == pytest.approx(1, abs=0.01)
