"""The copy score on a planted head."""

import pytest

from probes import load_model, run
from probes.detectors import load
from probes.errors import BadInputError
from probes.tiny.planted_names import (
    N_NAMES,
    NAME_MOVER_HEAD,
    NEGATIVE_NAME_MOVER_HEAD,
    names_tokenizer,
    planted_names,
)


@pytest.fixture(scope="module")
def model():
    tokenizer = names_tokenizer()
    return load_model(planted_names(tokenizer), tokenizer=tokenizer, name="Planted names")


@pytest.fixture(scope="module")
def found(model):
    return run(model, "name_mover_copying", progress=False)["name_mover_copying"]


def test_exactly_the_planted_head_is_called(found):
    assert found.run.called() == [NAME_MOVER_HEAD]
    assert found[NAME_MOVER_HEAD].score == 1


def test_head_that_writes_against_names_never_copies(found):
    assert found[NEGATIVE_NAME_MOVER_HEAD].score == 0


def test_head_that_writes_nothing_copies_nothing(found):
    assert found["L0H0"].score == 0


def test_every_name_is_a_sample_and_never_its_own_null(model):
    samples = load("name_mover_copying").samples(model, seed=0)
    assert samples.scores.shape == (N_NAMES, 2, 4)
    assert (samples.scores[:, 1, 2] == 1).all()
    assert (samples.null_scores[:, 1, 2] == 0).all()  # this head raises a name and lets all others stand alike
    assert samples.notes == {"n_names": N_NAMES, "n_best": 5}


def test_model_without_tokenizer_is_refused(model):
    with pytest.raises(BadInputError, match="no tokenizer"):
        run(load_model(model.module), "name_mover_copying", progress=False)
