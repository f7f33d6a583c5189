"""The rare-token detector on largest keys written by hand."""

from dataclasses import replace

import pytest
import torch

from probes import run
from probes.detectors import load
from probes.errors import BadInputError
from probes.inputs import TokenBatch

DETECTOR = load("rare_token")
TOKENS = torch.arange(21).repeat(2, 1)
TOKENS[:, 0] = 95  # highest of all, but position 0 never counts
BATCH = TokenBatch(TOKENS, marks={"id_order": torch.full((2, 1), -0.5)})


def samples(model, largest):
    readings = {"largest": torch.tensor(largest).expand(2, 1, 1, 20)[..., None]}
    return DETECTOR.samples(readings, BATCH, model)


def test_largest_keys_among_the_rarest_score_one(tiny_llama):
    found = samples(tiny_llama, [19, 20] * 10)
    assert found.scores.flatten().tolist() == [1, 1]
    assert found.notes == {"id_order": -0.5}


def test_largest_keys_elsewhere_score_zero(tiny_llama):
    assert samples(tiny_llama, [0, 18] * 10).scores.flatten().tolist() == [0, 0]


def test_queries_that_do_not_count_are_left_out(tiny_llama):
    assert samples(tiny_llama, [19] * 5 + [-1] * 15).scores.flatten().tolist() == [1, 1]


def test_null_asks_for_as_many_other_positions_than_the_first(tiny_llama):
    assert samples(tiny_llama, [0] * 20).null_scores.flatten().tolist() == [0, 0]
    found = [samples(tiny_llama, [key_pos] * 20).null_scores.flatten() for key_pos in range(1, 21)]
    assert torch.stack(found).sum(0).tolist() == [2, 2]
    assert torch.stack(found)[-2:].sum() == 0


def test_ids_that_say_nothing_of_frequency_are_refused(tiny_llama):
    DETECTOR.check(BATCH)
    with pytest.raises(BadInputError, match=r"correlation of 0\.10"):
        DETECTOR.check(replace(BATCH, marks={"id_order": torch.full((2, 1), 0.1)}))
    with pytest.raises(BadInputError, match="tokenizer"):
        run(tiny_llama, "rare_token", tokens=TOKENS, progress=False)
