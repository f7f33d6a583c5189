"""The previous-token detector on patterns written by hand and on planted heads."""

import pytest
import torch

from probes import run
from probes.detectors import load
from probes.detectors.previous_token import PreviousToken
from probes.errors import InputTooShortError
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


def test_other_offsets_look_further_back(score):
    pattern = [[1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0, 0.25, 0.75, 0]]
    assert score(PreviousToken(offset=2), [5, 6, 7, 8], pattern) == pytest.approx((1 + 0.25) / 2)
    with pytest.raises(InputTooShortError, match="at least 4"):
        PreviousToken(offset=3).check(TokenBatch(torch.tensor([[1, 2, 3], [1, 2, 3]])))
