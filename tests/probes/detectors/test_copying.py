"""The copying detector on weights set by hand and on random ones."""

import pytest
import torch

from probes import load_model, run
from probes.circuits.full_ov import FIRST_BLOCK, is_among_highest
from probes.detectors import load
from probes.tiny.planted import INDUCTION_HEAD
from probes.tiny.planted_circuits import COPIER, planted_circuits

DETECTOR = load("copying")


def test_exactly_the_copier_is_called():
    model = load_model(planted_circuits(torch.full((64,), -1)), name="Planted circuits")
    found = run(model, "copying", progress=False)["copying"]
    assert found.run.called() == [COPIER]
    assert found[COPIER].score == 1
    assert found.run.notes == {"n_tokens": 64, "chance": 10 / 64}


def test_planted_induction_head_copies(planted):
    assert run(planted, "copying", progress=False)["copying"].run.called() == [INDUCTION_HEAD]


def test_random_weights_call_none(tiny_llama):
    assert run(tiny_llama, "copying", progress=False)["copying"].called() == []


@pytest.mark.parametrize("n_vocab", [FIRST_BLOCK // 2, FIRST_BLOCK, 3 * FIRST_BLOCK + 5], ids=str)
def test_blocks_and_early_stop_give_the_ranks_of_the_whole_table(n_vocab):
    generator = torch.Generator().manual_seed(0)
    W_U = torch.randn(6, n_vocab, generator=generator)
    rows = torch.randn(40, 6, generator=generator)
    logits = rows @ W_U
    targets = torch.stack([logits.argsort(1, descending=True)[:, 9], logits.argsort(1, descending=True)[:, 10]], dim=1)
    assert is_among_highest(rows, W_U, targets, 10).tolist() == [[True, False]] * 40


def test_ties_count_against_the_token():
    assert not is_among_highest(torch.zeros(1, 3), torch.ones(3, 30), torch.tensor([[4]]), 10).any()
