"""Composition in low rank against dense products in float64, on planted heads, and its baseline."""

import math

import pytest
import torch

from catalog.ids import HeadName
from probes import load_model
from probes.circuits.composition import KINDS, baseline, composition
from probes.errors import BadInputError
from probes.tiny.architectures import tiny_model
from probes.tiny.planted import INDUCTION_HEAD, PREVIOUS_TOKEN_HEAD

FAMILIES = ("llama", "gpt2", "gpt_neox", "phi", "phi3", "gemma2", "qwen2", "olmo2", "cohere", "opt", "starcoder2")
"""Tied and untied, fused in three ways, grouped, with LayerNorm and RMSNorm, with norms behind the attention."""


@pytest.fixture(scope="module", params=FAMILIES)
def model(request):
    return load_model(tiny_model(request.param), name=request.param)


def linear_part(norm, d_model):
    """A norm as a matrix, without scale and bias; the identity where there is none."""
    if norm is None:
        return torch.eye(d_model, dtype=torch.float64)
    centring = torch.eye(d_model, dtype=torch.float64) - (1 / d_model if norm.is_centred else 0)
    return centring @ torch.diag(norm.gain.double())


def dense(heads, head, kind, *, fold_norms):
    """The d_model × d_model circuit that one head reads through."""
    d_model, group = heads.W_Q.shape[1], head // heads.n_groups
    W_Q, W_K, W_V, W_O = (w.double() for w in (heads.W_Q[head], heads.W_K[group], heads.W_V[group], heads.W_O[head]))
    before = linear_part(heads.input_norm if fold_norms else None, d_model)
    after = linear_part(heads.output_norm if fold_norms else None, d_model)
    qk = before @ W_Q @ W_K.T @ before.T
    return {"Q": qk, "K": qk.T, "V": before @ W_V @ W_O @ after}[kind]


@pytest.mark.parametrize("fold_norms", [True, False], ids=["folded", "bare"])
@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_dense_products(model, kind, fold_norms):
    found = composition(model, kind, fold_norms=fold_norms)
    earlier, later = (model.weights.layer(layer) for layer in (0, 1))
    for writer in range(4):
        written = dense(earlier, writer, "V", fold_norms=fold_norms)
        for reader in range(4):
            read = dense(later, reader, kind, fold_norms=fold_norms)
            wanted = float((written @ read).norm() / written.norm() / read.norm())
            assert found.score(HeadName(0, writer), HeadName(1, reader)) == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("fold_norms", [True, False], ids=["folded", "bare"])
def test_strongest_k_composition_of_the_planted_models_is_the_planted_pair(planted, fold_norms):
    found = composition(planted, "K", fold_norms=fold_norms)
    best = found.top(1)[0]
    assert (best.writer, best.reader) == (PREVIOUS_TOKEN_HEAD, INDUCTION_HEAD)
    assert best.excess > 0
    assert found.percentile(best.writer, best.reader) == 100


def test_planted_pair_composes_through_keys_alone(planted):
    """The induction head reads its query and its values from the token part, where the earlier head writes nothing."""
    scores = [composition(planted, kind).score(PREVIOUS_TOKEN_HEAD, INDUCTION_HEAD) for kind in "QV"]
    assert scores == pytest.approx([0, 0], abs=0.02)


def test_scores_stand_only_where_the_writer_is_earlier(tiny_llama):
    scores = composition(tiny_llama).scores
    assert scores[0, :, 1].isfinite().all()
    assert scores[1].isnan().all()
    assert scores[:, :, 0].isnan().all()


def test_pair_of_zero_weights_has_no_score(planted):
    found = composition(planted)
    assert math.isnan(found.score(HeadName(0, 3), INDUCTION_HEAD))
    assert len(found) == int(found.scores.isfinite().sum())


def test_hybrid_compares_only_layers_with_attention():
    found = composition(load_model(tiny_model("lfm2"), name="hybrid"))
    assert len(found) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_baseline_is_near_its_root_mean_square(tiny_llama, kind):
    heads = tiny_llama.weights.layer(0)
    assert baseline(heads, kind) == pytest.approx(1 / math.sqrt(32), rel=0.1)


def test_scaling_weights_changes_nothing():
    module = tiny_model("llama")
    scores = composition(load_model(module), "V").scores
    for layer in module.model.layers:
        layer.self_attn.o_proj.weight.data *= 3
    assert torch.allclose(composition(load_model(module), "V").scores, scores, equal_nan=True, rtol=1e-4)


def test_unknown_kind_is_refused(tiny_llama):
    with pytest.raises(BadInputError, match="'O' is not known; choose Q, K, V"):
        composition(tiny_llama, "O")


def test_table_ranks_every_pair(tiny_llama):
    found = composition(tiny_llama)
    frame = found.to_frame()
    assert len(frame) == 16
    assert frame["score"].is_monotonic_decreasing
    assert frame["percentile"].iloc[0] == 100
    best = found.top(1)[0]
    assert tuple(frame.iloc[0][["writer_layer", "writer_head"]]) == best.writer
    assert frame["excess"].iloc[0] == pytest.approx(best.excess)


def test_partners_are_pairs_with_the_head(tiny_llama):
    partners = composition(tiny_llama).partners(HeadName(1, 2), 3)
    assert [pair.reader for pair in partners] == [HeadName(1, 2)] * 3
    assert partners == sorted(partners, key=lambda pair: -pair.score)
