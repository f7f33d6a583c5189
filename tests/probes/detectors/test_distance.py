"""The distance detector on attention of known reach."""

import math

import pytest
import torch

from probes import run
from probes.detectors import load
from probes.inputs import TokenBatch
from probes.tiny.planted import PREVIOUS_TOKEN_HEAD

DETECTOR = load("distance")


def test_the_null_is_an_even_spread(tiny_llama):
    even = torch.tensor([math.nan, 7.5]).expand(2, 1, 1, 2)
    found = DETECTOR.samples(
        {"distance": torch.full((2, 1, 1), 12.0), "even": even}, TokenBatch(torch.zeros(2, 9).long()), tiny_llama
    )
    assert (found.scores.unique().tolist(), found.null_scores.unique().tolist()) == ([12], [7.5])


def test_first_query_does_not_count():
    assert not DETECTOR.read_outs(TokenBatch(torch.zeros(2, 5).long()))["distance"].queries[:, 0].any()


def test_planted_heads_look_as_far_as_they_should(planted):
    found = run(planted, "distance", half_length=40, n_samples=4, progress=False)["distance"]
    assert found.run.called() == []
    assert found[PREVIOUS_TOKEN_HEAD].score == pytest.approx(1, abs=0.05)
    assert found["L0H0"].score == pytest.approx(found["L0H0"].null_score, abs=1e-3)
    assert found.run.unit == "tokens"
