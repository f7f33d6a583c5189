"""The local detector on patterns written by hand and on a planted head."""

import pytest
import torch

from probes import run
from probes.detectors import load
from probes.errors import InputTooShortError
from probes.inputs import TokenBatch
from probes.tiny.planted import PREVIOUS_TOKEN_HEAD

DETECTOR = load("local")
TOKENS = list(range(12))


def test_attention_to_the_last_five_adds_up(score):
    pattern = torch.zeros(12, 12)
    pattern[9, 5:10] = 0.2
    pattern[10, 10] = 1
    pattern[11, 6] = 1
    assert score(DETECTOR, TOKENS, pattern.tolist()) == pytest.approx(2 / 3)


def test_attention_further_back_scores_zero(score):
    pattern = torch.zeros(12, 12)
    pattern[:, 0] = 1
    assert score(DETECTOR, TOKENS, pattern.tolist()) == 0


def test_queries_that_see_little_else_do_not_count():
    keys = DETECTOR.key_positions(TokenBatch(torch.tensor([TOKENS])))[0]
    assert (keys[:9] == -1).all()
    assert keys[9].tolist() == [9, 8, 7, 6, 5]
    with pytest.raises(InputTooShortError, match="at least 10"):
        DETECTOR.check(TokenBatch(torch.tensor([TOKENS[:9]] * 2)))


def test_the_previous_token_head_is_called_and_no_other(planted):
    found = run(planted, "local", half_length=40, n_samples=4, progress=False)["local"]
    assert found.run.called() == [PREVIOUS_TOKEN_HEAD]
