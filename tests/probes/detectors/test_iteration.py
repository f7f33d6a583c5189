"""The iteration detector on lists whose positions are known, and on planted heads."""

import pytest

from probes import load_model, run
from probes.detectors import load
from probes.errors import BadInputError
from probes.recipes.running_parity import RunningParity
from probes.tiny.planted_tables import TABLE_HEAD, planted_by_position, word_tokenizer

DETECTOR = load("iteration")
TOKENIZER = word_tokenizer(["Bits", ":", "Running", "parity", "0", "1"])
N_ITEMS = 6
FIRST_ITEM, FIRST_STEP = 2, 2 + N_ITEMS + 2
"""Bits : x1 ... x6 Running parity : s1 ... s6; the colon emits s1."""


@pytest.fixture
def of_one_length(monkeypatch):
    """Lists of one length, in which a head may be planted by positions."""
    monkeypatch.setattr(type(DETECTOR), "recipe", RunningParity(fewest_items=N_ITEMS, most_items=N_ITEMS))


def model_of(targets):
    return load_model(planted_by_position(targets), tokenizer=TOKENIZER, name="Words")


def found_in(model):
    return run(model, "iteration", n_samples=8, progress=False)["iteration"]


def test_each_step_has_its_item_and_the_null_another():
    batch = RunningParity(n_samples=3, fewest_items=2, most_items=4).batch(model_of({}))
    read_outs = DETECTOR.read_outs(batch)
    wanted, other = (read_outs[name].key_positions[..., 0] for name in ("scores", "null_scores"))
    for row, length in enumerate(batch.lengths.tolist()):
        n_items = (length - 5) // 2
        steps = range(n_items + 4, n_items + 4 + n_items)
        assert {query: int(key) for query, key in enumerate(wanted[row]) if key >= 0} == {
            query: FIRST_ITEM + step for step, query in enumerate(steps)
        }
        assert sorted(other[row][other[row] >= 0].tolist()) == list(range(FIRST_ITEM, FIRST_ITEM + n_items))
        assert not (other[row] == wanted[row])[wanted[row] >= 0].any()


def test_exactly_the_planted_head_is_called(of_one_length):
    found = found_in(model_of({FIRST_STEP + step: FIRST_ITEM + step for step in range(N_ITEMS)}))
    assert found.run.called() == [TABLE_HEAD]
    assert found[TABLE_HEAD].score > 0.95
    assert found[TABLE_HEAD].null_score < 0.05


def test_head_that_is_one_step_late_is_not_called(of_one_length):
    found = found_in(model_of({FIRST_STEP + step: FIRST_ITEM + step - 1 for step in range(N_ITEMS)}))
    assert found.called() == []


def test_random_model_has_no_such_head_and_its_accuracy_is_told(tiny_llama):
    found = found_in(load_model(tiny_llama.module, tokenizer=TOKENIZER, name="Words"))
    assert found.called() == []
    assert 0 <= found.run.notes["accuracy"] <= 1


def test_model_without_tokenizer_is_refused(tiny_llama):
    with pytest.raises(BadInputError, match="no tokenizer"):
        run(tiny_llama, "iteration", progress=False)
