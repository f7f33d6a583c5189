"""The dormancy detector on maps written by hand."""

import torch

from probes.detectors import load
from probes.inputs import TokenBatch

from ..eager_maps import expected

DETECTOR = load("dormancy")
IS_CODE = torch.tensor([[False], [False], [True], [True]])
BATCH = TokenBatch(torch.zeros(4, 3, dtype=torch.int64), marks={"is_code": IS_CODE})


def samples(model, masses):
    """Samples where the head gives so much to position 0 in each passage and the rest to the query itself."""
    sink = torch.tensor(masses).clamp(min=1e-9)  # a softmax never gives exactly 0 to a key that is seen
    maps = torch.eye(3) * (1 - sink)[:, None, None]
    maps[:, :, 0] += sink[:, None]
    readings = {name: expected(read_out, maps[:, None, None]) for name, read_out in DETECTOR.read_outs(BATCH).items()}
    return DETECTOR.samples(readings, BATCH, model)


def test_head_that_rests_on_prose_alone_scores_one(tiny_llama):
    found = samples(tiny_llama, [1.0, 1.0, 0.0, 0.0])
    assert found.scores.flatten().round(decimals=6).tolist() == [1, 1]
    assert found.null_scores.flatten().round(decimals=6).tolist() == [0, 0]
    assert found.notes == {"mean_on_prose": 1.0, "mean_on_code": 0.0}


def test_head_that_rests_on_both_scores_zero(tiny_llama):
    assert samples(tiny_llama, [1.0, 1.0, 1.0, 1.0]).scores.flatten().round(decimals=6).tolist() == [0, 0]


def test_null_is_the_difference_between_passages_of_prose(tiny_llama):
    assert samples(tiny_llama, [1.0, 0.0, 0.5, 0.5]).null_scores.flatten().round(decimals=6).tolist() == [1, -1]
