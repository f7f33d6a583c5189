"""The strict induction detector on largest keys written by hand and on planted heads."""

import pytest
import torch

from probes import run
from probes.detectors import load
from probes.errors import InputTooShortError
from probes.inputs import TokenBatch
from probes.tiny.planted import INDUCTION_HEAD

DETECTOR = load("induction_argmax")
BATCH = TokenBatch(torch.tensor([[5, 6, 7, 5, 6], [5, 6, 7, 6, 5]]))


def samples(model, largest, mass=0.5):
    readings = {
        "largest": torch.tensor(largest).reshape(1, 1, 1, 5, 1).expand(2, 1, 1, 5, 1),
        "mass": torch.full((2, 1, 1), mass),
    }
    return DETECTOR.samples(readings, BATCH, model)


def test_queries_whose_largest_key_is_a_follower_are_counted(tiny_llama):
    # In sample 1 queries 3 and 4 have followers at 1 and 2; in sample 2 at 2 and 1.
    assert samples(tiny_llama, [-1, -1, -1, 1, 2]).scores.flatten().tolist() == [1, 0]
    assert samples(tiny_llama, [-1, -1, -1, 1, 1]).scores.flatten().tolist() == [0.5, 0.5]


def test_only_queries_with_a_follower_are_asked():
    asked = DETECTOR.read_outs(BATCH)["largest"].query_positions
    assert asked.tolist() == [[-1, -1, -1, 3, 4], [-1, -1, -1, 3, 4]]


def test_layers_that_see_no_follower_have_no_score(tiny_llama):
    found = samples(tiny_llama, [-1, -1, -1, 1, 2], mass=float("nan"))
    assert found.scores.isnan().all()
    assert found.null_scores.isnan().all()


def test_text_without_repetition_is_refused():
    with pytest.raises(InputTooShortError, match="sample 1"):
        DETECTOR.check(TokenBatch(torch.tensor([[1, 2, 3, 4]])))


def test_exactly_the_planted_head_is_called(planted):
    found = run(planted, "induction_argmax", half_length=40, n_samples=4, progress=False)["induction_argmax"]
    assert found.run.called() == [INDUCTION_HEAD]
    assert found[INDUCTION_HEAD].score > 0.95
