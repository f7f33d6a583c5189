"""Factors of OV and QK circuits against dense float64 references, on twelve families."""

import pytest
import torch

from probes import load_model
from probes.circuits.directions import ov_directions, qk_directions, singular_directions
from probes.circuits.eigenvalues import eigenvalue_ratio, embedding_product, small_circuits
from probes.circuits.factors import ov_circuit, qk_circuit
from probes.tiny.architectures import tiny_model

FAMILIES = (
    *("llama", "gpt2", "gpt_neox", "phi", "phi3", "gemma2", "qwen2", "olmo2", "cohere", "opt", "starcoder2"),
    "gpt_bigcode",
)
ROUNDING = {"rtol": 1e-4, "atol": 1e-4}


@pytest.fixture(scope="module", params=FAMILIES)
def model(request):
    return load_model(tiny_model(request.param), name=request.param)


def frozen(norm, x):
    """A norm of one row in float64, computed from its definition, and the factor that depends on the row."""
    if norm is None:
        return x, 1.0
    centred = x - x.mean() if norm.is_centred else x
    scale = (centred.square().mean() + norm.eps).rsqrt()
    return centred * scale * norm.gain.double() + norm.bias.double(), scale


def rows():
    return torch.randn(2, 32, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("head", range(4))
def test_ov_circuit_with_norms_folded_writes_what_the_head_writes(model, head):
    heads = model.weights.layer(1)
    circuit, x = ov_circuit(heads), rows()[0]
    normed, scale = frozen(heads.input_norm, x)
    group = head // heads.n_groups
    written = (normed @ heads.W_V[group].double() + heads.b_V[group].double()) @ heads.W_O[head].double()
    if heads.output_norm is not None:
        written = (written - written.mean() * heads.output_norm.is_centred) * heads.output_norm.gain.double()
    ours = scale * x.float() @ circuit.reading_of(head) @ circuit.writing[head] + circuit.constant[head]
    assert torch.allclose(ours, written.float(), **ROUNDING)


@pytest.mark.parametrize("head", range(4))
def test_qk_circuit_with_norms_folded_scores_what_the_head_scores(model, head):
    heads = model.weights.layer(1)
    circuit, (x, y) = qk_circuit(heads), rows()
    group = head // heads.n_groups
    (query, query_scale), (key, key_scale) = frozen(heads.input_norm, x), frozen(heads.input_norm, y)
    wanted = (query @ heads.W_Q[head].double() + heads.b_Q[head].double()) @ (
        key @ heads.W_K[group].double() + heads.b_K[group].double()
    )
    left = query_scale * x.float() @ circuit.query[head] + circuit.query_bias[head]
    right = key_scale * y.float() @ circuit.key_of(head) + circuit.key_bias[group]
    assert float(left @ right) == pytest.approx(float(wanted), rel=1e-3, abs=1e-3)


def test_bare_factors_are_the_weights(tiny_llama):
    heads = tiny_llama.weights.layer(0)
    ov, qk = ov_circuit(heads, fold_norms=False), qk_circuit(heads, fold_norms=False)
    assert ov.reading is heads.W_V
    assert ov.writing is heads.W_O
    assert qk.query is heads.W_Q
    assert qk.key is heads.W_K


@pytest.mark.parametrize("head", [0, 3])
def test_eigenvalue_score_is_that_of_the_whole_table_of_the_vocabulary(model, head):
    weights = model.weights
    heads, tokens = weights.layer(1), torch.arange(96)
    product = embedding_product(model, tokens, tokens)[None]
    ours = float(eigenvalue_ratio(small_circuits(heads, weights.final_norm, product))[0, head])
    circuit = ov_circuit(heads)
    gain, W_U = weights.final_norm.gain.double(), weights.W_U.double()
    written = weights.W_E.double() @ circuit.reading_of(head).double() @ circuit.writing[head].double()
    written = (written - written.mean(1, keepdim=True) * weights.final_norm.is_centred) * gain
    eigenvalues = torch.linalg.eigvals(written @ (W_U - W_U.mean(1, keepdim=True)))
    assert ours == pytest.approx(float(eigenvalues.real.sum() / eigenvalues.abs().sum()), abs=2e-3)


@pytest.mark.parametrize("head", [0, 3])
def test_singular_directions_are_those_of_the_dense_circuits(model, head):
    heads = model.weights.layer(1)
    ov, qk = ov_circuit(heads), qk_circuit(heads)
    for found, dense in (
        (ov_directions(ov, head), ov.reading_of(head).double() @ ov.writing[head].double()),
        (qk_directions(qk, head), qk.query[head].double() @ qk.key_of(head).double().T),
    ):
        assert torch.allclose(found.sizes, torch.linalg.svdvals(dense)[: len(found.sizes)].float(), **ROUNDING)
        rebuilt = found.first.mT @ torch.diag(found.sizes) @ found.second
        assert torch.allclose(rebuilt, dense.float(), rtol=1e-3, atol=1e-3)
        assert float(found.shares.sum()) == pytest.approx(1)


def test_directions_of_a_head_wider_than_the_model():
    left, right = torch.randn(6, 9), torch.randn(9, 6)
    found = singular_directions(left, right)
    assert torch.allclose(found.first.mT @ torch.diag(found.sizes) @ found.second, left @ right, atol=1e-4)
