"""The detector previous_name on marks made by hand and on a model without such a head."""

import torch

from probes import load_model, run
from probes.detectors import load
from probes.inputs import TokenBatch
from probes.tiny.planted_names import names_tokenizer, planted_names

DETECTOR = load("previous_name")
PLACES = {"IO": 1, "IO+1": 2, "S1": 3, "S1+1": 4, "S2": 6, "END": 8}
BATCH = TokenBatch(torch.arange(10)[None], marks={name: torch.tensor([[at]]) for name, at in PLACES.items()})


def test_the_one_query_follows_s1_and_its_key_is_s1():
    keys = DETECTOR.key_positions(BATCH)
    assert keys[0, 4].tolist() == [3]
    assert (keys[0, torch.arange(10) != 4] == -1).all()


def test_null_is_another_key_up_to_the_query():
    (null_key,) = DETECTOR.read_outs(BATCH)["null_scores"].key_positions[0, 4].tolist()
    assert null_key in {0, 1, 2, 4}


def test_model_without_such_a_head_has_none():
    tokenizer = names_tokenizer()
    model = load_model(planted_names(tokenizer), tokenizer=tokenizer, name="Planted names")
    assert run(model, "previous_name", progress=False)["previous_name"].called() == []
