"""The behavioural copying score on shares written by hand and on planted heads."""

import pytest
import torch

from probes import run
from probes.detectors import load
from probes.detectors.induction_copying import repeats, shares_of, spread
from probes.errors import InputTooShortError
from probes.inputs import TokenBatch
from probes.tiny.planted import INDUCTION_HEAD

DETECTOR = load("induction_copying")


def test_shares_by_hand():
    raises = torch.tensor([[[3.0, 1, 0], [0, 0, 0], [2, 2, 4], [9, 9, 9]]], dtype=torch.float64)
    is_query = torch.tensor([True, True, True, False])
    own, other = shares_of(raises, torch.tensor([[0, 0, -1, 1]]), is_query=is_query)
    assert float(own) == pytest.approx((0.75 + 0 + 0) / 3)
    assert float(other) == pytest.approx((0.125 + 0 + 0.5) / 3)


def test_queries_are_those_whose_token_occurred_before():
    batch = TokenBatch(torch.tensor([[1, 2, 1, 2, 1]]), lengths=torch.tensor([4]))
    assert repeats(batch).tolist() == [[False, False, True, True, False]]


def test_queries_are_spread_evenly_and_filled_up():
    queries = torch.tensor([[True] * 9, [False] * 8 + [True]])
    assert spread(queries, 3).tolist() == [[0, 4, 8], [8, -1, -1]]


def test_text_without_repetition_is_refused():
    with pytest.raises(InputTooShortError, match="sample 2"):
        DETECTOR.check(TokenBatch(torch.tensor([[1, 2, 1], [1, 2, 3]])))


def test_exactly_the_planted_head_is_called(planted):
    found = run(planted, "induction_copying", half_length=40, n_samples=4, progress=False)["induction_copying"]
    assert found.run.called() == [INDUCTION_HEAD]
    # One of 8 queries attends to the first position, which takes itself for its previous token.
    assert found[INDUCTION_HEAD].score == pytest.approx(7 / 8, abs=0.01)


def test_random_weights_call_none(tiny_llama):
    found = run(tiny_llama, "induction_copying", half_length=40, n_samples=4, progress=False)["induction_copying"]
    assert found.called() == []
