"""The rare-token detector on tokens written by hand."""

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


def test_the_rarest_tenth_behind_the_first_token_is_asked_for():
    read_outs = DETECTOR.read_outs(BATCH)
    assert read_outs["scores"].keys.nonzero().tolist() == [[0, 19], [0, 20], [1, 19], [1, 20]]
    assert not read_outs["scores"].queries[:, 0].any()


def test_null_asks_for_as_many_other_positions_than_the_first():
    read_outs = DETECTOR.read_outs(BATCH)
    other = read_outs["null_scores"].keys
    assert other.sum(1).tolist() == [2, 2]
    assert not other[:, 0].any()
    assert not (other & read_outs["scores"].keys).any()


def test_the_order_of_the_ids_stands_in_the_notes(tiny_llama):
    readings = {"scores": torch.ones(2, 1, 1), "null_scores": torch.zeros(2, 1, 1)}
    found = DETECTOR.samples(readings, BATCH, tiny_llama)
    assert found.notes == {"id_order": -0.5}
    assert found.scores.flatten().tolist() == [1, 1]


def test_ids_that_say_nothing_of_frequency_are_refused(tiny_llama):
    DETECTOR.check(BATCH)
    with pytest.raises(BadInputError, match=r"correlation of 0\.10"):
        DETECTOR.check(replace(BATCH, marks={"id_order": torch.full((2, 1), 0.1)}))
    with pytest.raises(BadInputError, match="tokenizer"):
        run(tiny_llama, "rare_token", tokens=TOKENS, progress=False)
