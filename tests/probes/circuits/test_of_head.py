"""The report on one head, on planted heads and on random ones."""

import pytest
import torch

from catalog.ids import HeadName
from probes import load_model
from probes.circuits.of_head import head_circuits
from probes.errors import BadInputError
from probes.tiny.architectures import tiny_model
from probes.tiny.planted import INDUCTION_HEAD, PREVIOUS_TOKEN_HEAD
from probes.tiny.planted_circuits import COPIER, SUPPRESSOR, planted_circuits


@pytest.fixture(scope="module")
def circuits():
    return load_model(planted_circuits(torch.full((64,), -1)), name="Planted circuits")


def test_copier_is_described_as_one(circuits):
    found = head_circuits(circuits, COPIER)
    assert found.eigenvalue_ratio == pytest.approx(1, abs=0.01)
    assert (found.copying.found, found.suppression.found) == (1, 0)
    assert found.copying.chance == 10 / 64
    assert not found.has_tied_embeddings
    assert found.succession_score is None, "there is no tokenizer"


def test_suppressor_is_described_as_one(circuits):
    found = head_circuits(circuits, SUPPRESSOR)
    assert found.eigenvalue_ratio == pytest.approx(-1, abs=0.01)
    assert (found.copying.found, found.suppression.found) == (0, 1)
    assert found.self_matching.found == 1


def test_partners_of_the_planted_heads_are_each_other(planted):
    reader = head_circuits(planted, INDUCTION_HEAD).partners["K"]
    assert reader.reads_from[0].writer == PREVIOUS_TOKEN_HEAD
    assert reader.read_by == []
    writer = head_circuits(planted, PREVIOUS_TOKEN_HEAD).partners["K"]
    assert writer.read_by[0].reader == INDUCTION_HEAD
    assert writer.reads_from == []


def test_each_pole_of_a_copiers_directions_raises_what_it_reads(circuits):
    for direction in head_circuits(circuits, COPIER).ov:
        for pole in direction.poles:
            assert pole.first[0] in pole.second


def test_tokens_of_a_direction_are_those_of_the_dense_circuit(tiny_llama):
    (direction,) = head_circuits(tiny_llama, HeadName(1, 3), n_directions=1).ov
    weights = tiny_llama.weights
    heads = weights.layer(1)
    _, sizes, V = torch.linalg.svd((heads.input_norm.gain[:, None] * heads.W_V[1]) @ heads.W_O[3])
    assert direction.size == pytest.approx(float(sizes[0]), rel=1e-4)
    logits = (V[0] * weights.final_norm.gain) @ (weights.W_U - weights.W_U.mean(1, keepdim=True))
    poles = {str(int((sign * logits)[: tiny_llama.shape.d_vocab].argmax())) for sign in (1, -1)}
    assert {pole.second[0] for pole in direction.poles} == poles


@pytest.mark.parametrize(
    ("head", "reason"),
    [("L2H0", "2 layers of 4 heads"), ("L0H4", "2 layers of 4 heads"), ("L0H0", "no softmax attention")],
)
def test_head_that_is_not_there_is_refused(head, reason):
    with pytest.raises(BadInputError, match=reason):
        head_circuits(load_model(tiny_model("lfm2"), name="hybrid"), HeadName.parse(head))
