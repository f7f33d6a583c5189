"""The duplicate-token detector on patterns written by hand and on models without such a head."""

import pytest
import torch

from probes import run
from probes.detectors import load
from probes.errors import InputTooShortError
from probes.inputs import TokenBatch

DETECTOR = load("duplicate_token")


def test_attention_to_all_earlier_occurrences_adds_up(score):
    pattern = [[1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0.5, 0, 0.25, 0.25]]
    assert score(DETECTOR, [5, 6, 5, 5], pattern) == pytest.approx((1 + 0.75) / 2)


def test_attention_elsewhere_scores_zero(score):
    assert score(DETECTOR, [5, 6, 5], [[1, 0, 0], [0, 1, 0], [0, 1, 0.0]]) == 0


def test_on_repeated_tokens_the_key_lies_one_half_back():
    assert DETECTOR.key_positions(TokenBatch(torch.tensor([[1, 2, 3, 1, 2, 3]])))[0, :, 0].tolist() == [
        -1,
        -1,
        -1,
        0,
        1,
        2,
    ]


def test_sample_without_a_repeated_token_is_named():
    with pytest.raises(InputTooShortError, match="sample 2"):
        DETECTOR.check(TokenBatch(torch.tensor([[1, 2, 1], [1, 2, 3]])))


def test_planted_models_have_no_such_head(planted):
    found = run(planted, "duplicate_token", half_length=40, n_samples=4, progress=False)["duplicate_token"]
    assert found.called() == []
