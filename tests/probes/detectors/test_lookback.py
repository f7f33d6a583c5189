"""The lookback ratio by hand, and on planted heads that look at the context or at the answer alone."""

import pytest
import torch
import transformers

from probes import load_model, run
from probes.detectors import load
from probes.errors import BadInputError
from probes.inputs import TokenBatch
from probes.recipes.needle import Needle, NeedleInHaystack
from probes.tiny.planted_tables import TABLE_HEAD, planted_by_token, word_tokenizer

DETECTOR = load("lookback")
TOKENIZER = word_tokenizer(["one", "two", "three", "four", "five", ".", "red", "blue", "green", ":", "Answer"])
SMALL = NeedleInHaystack(
    n_samples=4,
    lengths=(60,),
    needles=(Needle("The coat is red blue green.", "How is it?", "red blue green"),),
    haystacks=("one two three four five. " * 20,),
)
HAND = TokenBatch(
    torch.zeros(2, 8, dtype=torch.int64),
    marks={"cue": torch.tensor([[5, -1]] * 2), "answer": torch.tensor([[6, 7]] * 2)},
)
"""Sink at 0, context from 1 to 4, the cue at 5, the answer at 6 and 7."""


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(type(DETECTOR), "recipe", SMALL)


def found_in(words, score):
    ids = TOKENIZER.get_vocab()
    model = load_model(planted_by_token({ids[word]: score for word in words}), tokenizer=TOKENIZER, name="Words")
    return run(model, "lookback", n_samples=4, progress=False)["lookback"]


def test_context_and_what_came_since_are_told_apart():
    read_out = DETECTOR.read_outs(HAND)["masses"]
    assert read_out.sets[0].int().tolist() == [[0, 1, 1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 1, 1, 1]]
    assert read_out.query_positions.tolist() == [[5, 6], [5, 6]]


@pytest.mark.parametrize(
    ("masses", "expected"),
    [([[0.8, 0.2], [2 / 3, 1 / 3]], 0.5), ([[0.8, 0.0], [0.5, 0.0]], 1.0), ([[0.05, 0.0], [0.05, 0.0]], 0.5)],
    ids=["even", "context-alone", "below-the-floor"],
)
def test_ratio_is_per_token_by_hand(tiny_llama, masses, expected):
    read = torch.tensor(masses)[None, None, None].expand(2, 2, 4, -1, -1)
    samples = DETECTOR.samples({"masses": read}, HAND, tiny_llama)
    torch.testing.assert_close(samples.scores, torch.full((2, 2, 4), expected).double())
    assert samples.null_scores.unique().tolist() == [0.5]


def test_exactly_the_planted_head_that_looks_back_is_called(small):
    found = found_in(["one", "two", "three", "four", "five"], 8.0)
    assert found.run.called() == [TABLE_HEAD]
    assert found[TABLE_HEAD].score > 0.95
    assert found["L0H0"].score == pytest.approx(0.5, abs=1e-3)


def test_head_that_looks_at_the_answer_alone_scores_low(small):
    assert found_in(["Answer"], 16.0)[TABLE_HEAD].score < 0.05


def test_random_model_has_no_such_head(small):
    torch.manual_seed(0)
    sizes = {"vocab_size": 64, "hidden_size": 32, "intermediate_size": 32, "max_position_embeddings": 128}
    config = transformers.LlamaConfig(**sizes, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2)
    model = load_model(transformers.LlamaForCausalLM(config), tokenizer=TOKENIZER, name="Words")
    assert run(model, "lookback", n_samples=4, progress=False)["lookback"].called() == []


def test_model_without_tokenizer_is_refused(tiny_llama):
    with pytest.raises(BadInputError, match="no tokenizer"):
        run(tiny_llama, "lookback", progress=False)
