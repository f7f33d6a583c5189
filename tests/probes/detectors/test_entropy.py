"""The entropy detector on attention of known spread."""

import math

import pytest
import torch

from probes import run
from probes.detectors import load
from probes.inputs import TokenBatch
from probes.tiny.planted import INDUCTION_HEAD, PREVIOUS_TOKEN_HEAD

DETECTOR = load("entropy")
BATCH = TokenBatch(torch.zeros(2, 5, dtype=torch.int64))


def samples(model, entropy, highest):
    even = torch.tensor([highest, math.nan]).expand(2, 1, 1, 2)
    return DETECTOR.samples({"entropy": torch.full((2, 1, 1), entropy), "even": even}, BATCH, model)


def test_scores_are_bits_and_the_null_is_half_of_the_keys(tiny_llama):
    found = samples(tiny_llama, math.log(8), math.log(16))
    assert found.scores.unique().tolist() == pytest.approx([3])
    assert found.null_scores.unique().tolist() == pytest.approx([3])


def test_attention_to_one_key_scores_zero(tiny_llama):
    assert samples(tiny_llama, 0.0, math.log(16)).scores.unique().tolist() == [0]


def test_first_query_does_not_count():
    read_outs = DETECTOR.read_outs(TokenBatch(BATCH.tokens, lengths=torch.tensor([5, 3])))
    assert read_outs["entropy"].queries.tolist() == [[False, *[True] * 4], [False, True, True, False, False]]


def test_heads_with_zero_weights_are_broad_and_planted_ones_are_not(planted):
    found = run(planted, "entropy", half_length=50, n_samples=4, progress=False)["entropy"]
    planted_heads = {PREVIOUS_TOKEN_HEAD, INDUCTION_HEAD}
    assert len(found.run.called()) == 6
    assert not planted_heads & set(found.run.called())
    evenly = sum(math.log2(n_keys) for n_keys in range(2, 101)) / 99
    assert found["L0H0"].score == pytest.approx(evenly, abs=1e-4)
    assert found["L0H0"].null_score == pytest.approx(evenly - 1, abs=1e-4)
    assert found[PREVIOUS_TOKEN_HEAD].score < 0.1
