"""The induction detector on patterns written by hand and on planted heads."""

import pytest
import torch

from probes import run
from probes.detectors import load
from probes.errors import InputTooShortError
from probes.inputs import TokenBatch
from probes.tiny.planted import INDUCTION_HEAD

DETECTOR = load("induction")


def test_attention_to_the_follower_scores_one(score):
    pattern = [[1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0.0]]
    assert score(DETECTOR, [5, 6, 5, 6], pattern) == 1


def test_attention_to_the_same_token_scores_zero(score):
    pattern = [[1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0.0]]
    assert score(DETECTOR, [5, 6, 5, 6], pattern) == 0


def test_followers_of_all_earlier_occurrences_count():
    keys = DETECTOR.key_positions(TokenBatch(torch.tensor([[5, 6, 5, 7, 5]])))
    assert sorted(keys[0, 4].tolist()) == [1, 3]


def test_query_itself_is_never_its_own_follower():
    keys = DETECTOR.key_positions(TokenBatch(torch.tensor([[5, 5, 5]])))
    assert keys[0, 1].max() == -1
    assert [key for key in keys[0, 2].tolist() if key >= 0] == [1]


def test_text_without_repetition_is_refused():
    with pytest.raises(InputTooShortError, match="induction"):
        DETECTOR.check(TokenBatch(torch.tensor([[1, 2, 3, 4]])))


def test_exactly_the_planted_head_is_called(planted):
    found = run(planted, "induction", half_length=40, n_samples=4, progress=False)["induction"]
    assert found.run.called() == [INDUCTION_HEAD]
    assert found[INDUCTION_HEAD].score > 0.95
