"""The S-inhibition detector on marks made by hand and on a planted head."""

import pytest
import torch

from probes import load_model, run
from probes.detectors import load
from probes.inputs import TokenBatch
from probes.tiny.planted_names import S_INHIBITION_HEAD, names_tokenizer, planted_names

DETECTOR = load("s_inhibition")
PLACES = {"IO": 1, "IO+1": 2, "S1": 3, "S1+1": 4, "S2": 6, "END": 8}
BATCH = TokenBatch(torch.arange(10)[None], marks={name: torch.tensor([[at]]) for name, at in PLACES.items()})


def test_the_one_query_is_the_end_and_its_key_is_s2():
    keys = DETECTOR.key_positions(BATCH)
    assert keys[0, 8].tolist() == [6]
    assert (keys[0, torch.arange(10) != 8] == -1).all()


def test_null_looks_at_the_other_name():
    assert DETECTOR.read_outs(BATCH)["null_scores"].key_positions[0, 8].tolist() == [1]


@pytest.fixture(scope="module")
def found():
    tokenizer = names_tokenizer()
    model = load_model(planted_names(tokenizer), tokenizer=tokenizer, name="Planted names")
    return run(model, "s_inhibition", progress=False)["s_inhibition"]


def test_exactly_the_planted_head_is_called(found):
    assert found.run.called() == [S_INHIBITION_HEAD]
    assert found[S_INHIBITION_HEAD].score > 0.95
