"""The duplicate-token detector for text on patterns written by hand."""

import pytest
import torch

from probes import run
from probes.detectors import load
from probes.errors import BadInputError, InputTooShortError
from probes.inputs import TokenBatch

DETECTOR = load("duplicate_token_text")
TOKENS = torch.tensor([[1, 5, 1, 5, 5], [2, 7, 2, 3, 7]])
BATCH = TokenBatch(TOKENS, marks={"is_common": TOKENS < 3})


def test_attention_to_earlier_occurrences_scores_one(score):
    pattern = [[1, 0, 0, 0, 0]] * 3 + [[0, 1, 0, 0, 0], [0, 0.5, 0, 0.5, 0]]
    assert score(DETECTOR, [1, 5, 6, 5, 5], pattern) == 1


def test_attention_elsewhere_scores_zero(score):
    assert score(DETECTOR, [1, 5, 6, 5, 5], [[1, 0, 0, 0, 0]] * 5) == 0


def test_common_tokens_are_no_queries():
    keys = DETECTOR.key_positions(BATCH)
    assert (keys[:, 2] == -1).all()
    assert keys[0, 3].tolist() == [1, -1]
    assert sorted(keys[0, 4].tolist()) == [1, 3]


def test_null_looks_at_the_places_of_another_passage():
    null_keys = DETECTOR.read_outs(BATCH)["null_scores"].key_positions
    assert null_keys[0, 4].tolist() == [1, -1]
    assert sorted(null_keys[1, 4].tolist()) == [1, 3]


def test_input_without_known_common_tokens_or_without_repeats_is_refused(tiny_llama):
    with pytest.raises(BadInputError, match="tokenizer"):
        run(tiny_llama, "duplicate_token_text", tokens=TOKENS, progress=False)
    with pytest.raises(InputTooShortError, match="sample 1"):
        DETECTOR.check(TokenBatch(TOKENS, marks={"is_common": torch.ones(2, 5, dtype=torch.bool)}))
