"""The streaming detector on maps written by hand and on planted heads."""

import pytest
import torch

from probes.detectors import load
from probes.errors import InputTooShortError
from probes.inputs import TokenBatch

from ..eager_maps import expected

DETECTOR = load("streaming")
LENGTH = 140
BATCH = TokenBatch(torch.zeros(2, LENGTH, dtype=torch.int64))


def samples(model, maps):
    readings = {name: expected(read_out, maps) for name, read_out in DETECTOR.read_outs(BATCH).items()}
    return DETECTOR.samples(readings, BATCH, model)


def test_attention_to_first_and_recent_tokens_scores_one(tiny_llama):
    maps = torch.zeros(2, 1, 1, LENGTH, LENGTH)
    maps[..., 3] += 0.25
    query_pos = torch.arange(31, LENGTH)
    maps[..., query_pos, query_pos - 31] += 0.75
    assert samples(tiny_llama, maps).scores.flatten().tolist() == pytest.approx([1, 1])


def test_attention_in_between_scores_nearly_zero(tiny_llama):
    maps = torch.zeros(2, 1, 1, LENGTH, LENGTH)
    maps[..., 0] = 0.001
    maps[..., 50] = 0.999
    assert samples(tiny_llama, maps).scores.flatten().tolist() == pytest.approx([0.001, 0.001])


def test_even_attention_equals_the_null(tiny_llama):
    maps = torch.ones(LENGTH, LENGTH).tril() / torch.arange(1, LENGTH + 1)[:, None]
    found = samples(tiny_llama, maps.expand(2, 1, 1, LENGTH, LENGTH))
    assert torch.allclose(found.scores, found.null_scores, atol=1e-6)


def test_layers_that_hide_the_first_tokens_have_no_score(tiny_llama):
    found = samples(tiny_llama, torch.eye(LENGTH).expand(2, 1, 1, LENGTH, LENGTH))
    assert found.scores.isnan().all()
    assert found.null_scores.isnan().all()


def test_short_input_is_refused():
    with pytest.raises(InputTooShortError, match="at least 129"):
        DETECTOR.check(TokenBatch(torch.zeros(2, 128, dtype=torch.int64)))
