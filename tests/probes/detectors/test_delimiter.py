"""The delimiter detector: which tokens count, and attention to them on maps written by hand."""

import pytest
import torch

from probes import load_model, run
from probes.detectors import load
from probes.errors import BadInputError
from probes.inputs import TokenBatch

from ..eager_maps import expected

DETECTOR = load("delimiter")
TOKENS = torch.tensor([[9, 4, 5, 9], [9, 9, 4, 5]])
BATCH = TokenBatch(TOKENS, marks={"is_delimiter": TOKENS == 9})


def score(model, maps):
    readings = {name: expected(read_out, maps) for name, read_out in DETECTOR.read_outs(BATCH).items()}
    return DETECTOR.samples(readings, BATCH, model).scores.flatten().tolist()


def looking_at(key_pos):
    maps = torch.zeros(2, 1, 1, 4, 4)
    maps[torch.arange(2), 0, 0, :, torch.tensor(key_pos)] = 1
    return maps


def test_attention_to_delimiters_scores_one(tiny_llama):
    assert score(tiny_llama, looking_at([3, 1])) == [1, 1]


def test_attention_to_words_scores_zero(tiny_llama):
    assert score(tiny_llama, looking_at([1, 2])) == [0, 0]


def test_position_zero_never_counts(tiny_llama):
    assert score(tiny_llama, looking_at([0, 0])) == [0, 0]


def test_tokens_without_a_tokenizer_are_refused(tiny_llama):
    with pytest.raises(BadInputError, match="tokenizer"):
        run(load_model(tiny_llama.module), "delimiter", tokens=TOKENS, progress=False)
