"""The strict induction detector on planted heads."""

import pytest
import torch

from probes import run
from probes.detectors import load
from probes.errors import InputTooShortError
from probes.inputs import TokenBatch
from probes.tiny.planted import INDUCTION_HEAD

DETECTOR = load("induction_argmax")
BATCH = TokenBatch(torch.tensor([[5, 6, 7, 5, 6], [5, 6, 7, 6, 5]]))


def test_queries_with_a_follower_are_asked_for_it():
    asked = DETECTOR.read_outs(BATCH)["scores"].key_positions[..., 0]
    assert asked.tolist() == [[-1, -1, -1, 1, 2], [-1, -1, -1, 2, 1]]


def test_layers_that_see_no_follower_have_no_score(tiny_llama):
    readings = {"scores": torch.full((2, 1, 1), torch.nan), "null_scores": torch.zeros(2, 1, 1)}
    found = DETECTOR.samples(readings, BATCH, tiny_llama)
    assert found.scores.isnan().all()
    assert found.null_scores.isnan().all()


def test_text_without_repetition_is_refused():
    with pytest.raises(InputTooShortError, match="sample 1"):
        DETECTOR.check(TokenBatch(torch.tensor([[1, 2, 3, 4]])))


def test_exactly_the_planted_head_is_called(planted):
    found = run(planted, "induction_argmax", half_length=40, n_samples=4, progress=False)["induction_argmax"]
    assert found.run.called() == [INDUCTION_HEAD]
    assert found[INDUCTION_HEAD].score > 0.95
