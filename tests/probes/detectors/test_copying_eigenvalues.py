"""The eigenvalue ratio on matrices written by hand, against the whole table, and on planted heads."""

import pytest
import torch

from probes import load_model, run
from probes.circuits.eigenvalues import eigenvalue_ratio, embedding_products, small_circuits
from probes.tiny.planted_circuits import COPIER, SUPPRESSOR, planted_circuits


@pytest.mark.parametrize(
    ("matrix", "ratio"),
    [([[2.0, 0], [0, 1]], 1), ([[-2.0, 0], [0, -1]], -1), ([[3.0, 0], [0, -1]], 0.5), ([[0.0, 1], [-1, 0]], 0)],
    ids=["copies", "suppresses", "mostly copies", "turns"],
)
def test_ratio_by_hand(matrix, ratio):
    assert float(eigenvalue_ratio(torch.tensor(matrix))) == pytest.approx(ratio, abs=1e-6)


def test_zeros_have_ratio_zero():
    assert float(eigenvalue_ratio(torch.zeros(3, 3))) == 0


def test_small_matrices_have_the_eigenvalues_of_the_whole_table(tiny_llama):
    weights, products = tiny_llama.weights, embedding_products(tiny_llama, torch.Generator().manual_seed(0))
    circuit = weights.layer(1)
    small = small_circuits(circuit, weights.final_norm, products[:4].sum(0, keepdim=True))[0, 3]
    W_U = weights.W_U - weights.W_U.mean(1, keepdim=True)
    gains = circuit.input_norm.gain, weights.final_norm.gain
    table = (weights.W_E * gains[0]) @ circuit.W_V[1] @ circuit.W_O[3] @ (gains[1][:, None] * W_U)
    whole = torch.linalg.eigvals(table.double())
    assert float(torch.linalg.eigvals(small.double()).real.sum()) == pytest.approx(float(whole.real.sum()), rel=1e-3)
    assert float(torch.linalg.eigvals(small.double()).abs().sum()) == pytest.approx(float(whole.abs().sum()), rel=1e-2)


def test_exactly_the_copier_is_called():
    model = load_model(planted_circuits(torch.full((64,), -1)), name="Planted circuits")
    found = run(model, "copying_eigenvalues", progress=False)["copying_eigenvalues"]
    assert found.run.called() == [COPIER]
    assert found[SUPPRESSOR].score == pytest.approx(-1, abs=0.01)
    assert found.run.notes["tied_embeddings"] is False


def test_random_weights_call_none(tiny_llama):
    assert run(tiny_llama, "copying_eigenvalues", progress=False)["copying_eigenvalues"].called() == []
