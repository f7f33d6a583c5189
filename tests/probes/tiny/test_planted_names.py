"""The planted circuit does what it was planted for: all detectors of its parts call exactly those."""

import pytest
import torch

from probes import load_model, run
from probes.recipes.indirect_object import IndirectObject
from probes.tiny.planted_names import (
    NAME_MOVER_HEAD,
    NEGATIVE_NAME_MOVER_HEAD,
    S_INHIBITION_HEAD,
    names_tokenizer,
    planted_names,
)


@pytest.fixture(scope="module")
def model():
    tokenizer = names_tokenizer()
    return load_model(planted_names(tokenizer), tokenizer=tokenizer, name="Planted names")


def test_the_indirect_object_is_named(model):
    batch = IndirectObject().batch(model)
    with torch.no_grad():
        logits = model.module(batch.tokens).logits
    guesses = logits[torch.arange(32), batch.marks["END"][:, 0]].argmax(-1)
    assert torch.equal(guesses, batch.tokens.gather(1, batch.marks["IO"])[:, 0])


def test_all_detectors_together_call_the_planted_heads_and_no_other(model):
    expected = {
        "name_mover": [NAME_MOVER_HEAD],
        "name_mover_copying": [NAME_MOVER_HEAD],
        "negative_name_mover": [NEGATIVE_NAME_MOVER_HEAD],
        "s_inhibition": [S_INHIBITION_HEAD],
        "duplicate_name": [],
        "induction_name": [],
        "previous_name": [],
    }
    found = run(model, list(expected), progress=False)
    assert {name: scores.run.called() for name, scores in found.items()} == expected
