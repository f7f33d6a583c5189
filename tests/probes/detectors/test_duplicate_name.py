"""The detector duplicate_name on marks made by hand and on a model without such a head."""

import torch

from probes import load_model, run
from probes.detectors import load
from probes.inputs import TokenBatch
from probes.tiny.planted_names import names_tokenizer, planted_names

DETECTOR = load("duplicate_name")
PLACES = {"IO": 1, "IO+1": 2, "S1": 3, "S1+1": 4, "S2": 6, "END": 8}
BATCH = TokenBatch(torch.arange(10)[None], marks={name: torch.tensor([[at]]) for name, at in PLACES.items()})


def test_the_one_query_is_s2_and_its_key_is_s1():
    keys = DETECTOR.key_positions(BATCH)
    assert keys[0, 6].tolist() == [3]
    assert (keys[0, torch.arange(10) != 6] == -1).all()


def test_null_looks_at_the_other_name():
    assert DETECTOR.read_outs(BATCH)["null_scores"].key_positions[0, 6].tolist() == [1]


def test_model_without_such_a_head_has_none():
    tokenizer = names_tokenizer()
    model = load_model(planted_names(tokenizer), tokenizer=tokenizer, name="Planted names")
    assert run(model, "duplicate_name", progress=False)["duplicate_name"].called() == []
