"""The name-mover detector on a planted head."""

import pytest

from probes import load_model, run
from probes.tiny.planted_names import NAME_MOVER_HEAD, names_tokenizer, planted_names


@pytest.fixture(scope="module")
def found():
    tokenizer = names_tokenizer()
    model = load_model(planted_names(tokenizer), tokenizer=tokenizer, name="Planted names")
    return run(model, "name_mover", progress=False)["name_mover"]


def test_exactly_the_planted_head_is_called(found):
    assert found.run.called() == [NAME_MOVER_HEAD]


def test_planted_head_raises_the_logit_by_its_strength(found):
    # A strength of 3, times what the final norm makes of a one; the other names and the constant change it a little.
    assert found[NAME_MOVER_HEAD].score == pytest.approx(3 * 128**0.5 / 8, rel=0.1)
    assert abs(found[NAME_MOVER_HEAD].null_score) < 1e-3


def test_task_stands_beside_the_scores(found):
    assert found.run.notes["task_accuracy"] == 1.0
    assert found.run.notes["solves_task"]
    assert found.run.unit == "logits"
