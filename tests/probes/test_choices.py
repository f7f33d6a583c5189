"""Candidates scored by log-probability, beside the model's own logits."""

import pytest
import torch

from probes import load_model
from probes.choices import candidate_log_probabilities
from probes.errors import BadInputError
from probes.tiny.architectures import tiny_model
from probes.tiny.planted_tables import word_tokenizer

WORDS = ["the", "cat", "is", "red", "big", "blue", "house", "and"]


@pytest.fixture(scope="module")
def model():
    return load_model(tiny_model("llama"), tokenizer=word_tokenizer(WORDS), name="Tiny words")


def log_probability(model, text, continuation):
    """By reading the text anew for every token of the continuation."""
    total, ids = 0.0, model.tokenizer(text)["input_ids"]
    for token in model.tokenizer(continuation)["input_ids"]:
        logits = model.module(input_ids=torch.tensor([ids])).logits[0, -1]
        total += float(logits.log_softmax(-1)[token].detach())
        ids = [*ids, token]
    return total


def test_candidates_of_one_token_have_the_log_probability_of_that_token(model):
    found = candidate_log_probabilities(model, "the cat is", [" red", " big", " blue"])
    wanted = [log_probability(model, "the cat is", word) for word in ("red", "big", "blue")]
    assert found.tolist() == pytest.approx(wanted, abs=1e-5)


def test_candidates_of_several_tokens_are_summed(model):
    candidates = [" red", " big and red", " blue house"]
    found = candidate_log_probabilities(model, "the cat is", candidates)
    wanted = [log_probability(model, "the cat is", candidate) for candidate in candidates]
    assert found.tolist() == pytest.approx(wanted, abs=1e-5)


def test_tokens_that_all_candidates_begin_with_belong_to_the_text(model):
    found = candidate_log_probabilities(model, "the cat is", [" and red", " and big"])
    wanted = [log_probability(model, "the cat is and", word) for word in ("red", "big")]
    assert found.tolist() == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize(
    ("candidates", "words"),
    [
        ([" red", " red"], "not all different"),
        ([" red"], "not all different"),
        ([" green", " grey"], "not all different"),
    ],
    ids=["equal", "one", "unknown words"],
)
def test_candidates_that_cannot_be_told_apart_are_refused(model, candidates, words):
    with pytest.raises(BadInputError, match=words):
        candidate_log_probabilities(model, "the cat is", candidates)


def test_prompt_beyond_the_context_is_refused(model):
    with pytest.raises(BadInputError, match="is made for 160"):
        candidate_log_probabilities(model, "the cat " * 80, [" red", " big"])


def test_model_that_cannot_read_a_prompt_is_refused():
    silent = load_model(tiny_model("llama"), name="No tokenizer")
    encoder = load_model(tiny_model("bert"), tokenizer=word_tokenizer(WORDS), name="Encoder")
    with pytest.raises(BadInputError, match="no tokenizer"):
        candidate_log_probabilities(silent, "the", [" red", " big"])
    with pytest.raises(BadInputError, match="is an encoder"):
        candidate_log_probabilities(encoder, "the", [" red", " big"])
