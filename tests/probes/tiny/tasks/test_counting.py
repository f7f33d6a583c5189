import pytest
import torch

from probes.errors import BadInputError, UnknownTaskError
from probes.tiny import tasks
from probes.tiny.tasks.counting import BOS, EOS, NO, SEP, YES, Counting, has_more_ones, strings_of_lengths


def generator():
    return torch.Generator().manual_seed(0)


def test_task_is_found_by_its_name():
    assert tasks.load("counting") is Counting
    with pytest.raises(UnknownTaskError, match="did you mean counting"):
        tasks.load("count")


def test_a_sentence_stands_as_described():
    batch = Counting().sentences(torch.tensor([[1, 0, 2, 1, 1], [0, 1, 2, 2, 2]]))
    assert batch.tokens.tolist() == [[BOS, 1, 0, 2, 1, 1, SEP, YES], [BOS, 0, 1, 2, 2, 2, SEP, NO]]
    assert batch.positions == (6, 7)
    assert batch.targets.tolist() == [[YES, EOS], [NO, EOS]]


def test_every_position_predicts_its_next_token():
    batch = Counting(every_position=True).sentences(torch.tensor([[1, 0, 2]]))
    assert batch.positions == tuple(range(6))
    assert batch.targets.tolist() == [[1, 0, 2, SEP, NO, EOS]]


def test_batches_are_fresh_and_their_length_depends_on_the_step_alone():
    task = Counting()
    lengths = [task.batch(generator(), step, 2).tokens.shape[1] - 3 for step in range(200)]
    assert set(lengths) == set(range(5, 21))
    other = torch.Generator().manual_seed(1)
    assert [task.batch(other, step, 2).tokens.shape[1] - 3 for step in range(200)] == lengths
    assert not torch.equal(task.batch(generator(), 0, 8).tokens, task.batch(other, 0, 8).tokens)


def test_evaluation_set_has_every_length_and_never_changes():
    task = Counting(n_evaluated=50)
    one, other = task.evaluation(), task.evaluation()
    assert [batch.tokens.shape for batch in one] == [(50, length + 3) for length in range(5, 21)]
    assert all(torch.equal(a.tokens, b.tokens) for a, b in zip(one, other, strict=True))


def test_labels_are_right_by_counting_and_a_tie_is_no():
    for batch in strings_of_lengths(range(21, 24), 20, Counting()):
        symbols = batch.tokens[:, 1:-2]
        for row, label in zip(symbols.tolist(), batch.targets[:, 0].tolist(), strict=True):
            assert label == (YES if row.count(1) > row.count(0) else NO)
    assert not has_more_ones(torch.tensor([[1, 0, 2]])).item()


@pytest.mark.parametrize("settings", [{"shortest": 0}, {"shortest": 9, "longest": 8}, {"n_evaluated": 0}])
def test_impossible_lengths_are_refused(settings):
    with pytest.raises(BadInputError, match="give 1 or more"):
        Counting(**settings)
