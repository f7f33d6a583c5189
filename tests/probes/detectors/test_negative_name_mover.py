"""The negative name-mover detector on a planted head."""

import pytest

from probes import load_model, run
from probes.tiny.planted_names import NAME_MOVER_HEAD, NEGATIVE_NAME_MOVER_HEAD, names_tokenizer, planted_names


@pytest.fixture(scope="module")
def found():
    tokenizer = names_tokenizer()
    model = load_model(planted_names(tokenizer), tokenizer=tokenizer, name="Planted names")
    return run(model, "negative_name_mover", progress=False)["negative_name_mover"]


def test_exactly_the_planted_head_is_called(found):
    assert found.run.called() == [NEGATIVE_NAME_MOVER_HEAD]


def test_the_name_mover_has_the_opposite_sign_and_twice_the_size(found):
    mover, negative = found[NAME_MOVER_HEAD].score, found[NEGATIVE_NAME_MOVER_HEAD].score
    assert mover == pytest.approx(-2 * negative, rel=1e-3)
