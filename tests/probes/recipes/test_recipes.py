"""Recipes: what the marks point at, what is refused, which are equal."""

import re

import pytest

from probes import load_model
from probes.errors import BadInputError, InputTooShortError
from probes.recipes.natural_text import NaturalText, passages
from probes.recipes.own_input import OwnInput
from probes.recipes.prompts import Prompt, Prompts
from probes.recipes.prose_and_code import ProseAndCode, code_passages
from probes.recipes.repeated_tokens import RepeatedTokens


class WordTokenizer:
    """Invented tokenizer: a start token, then one token a word or sign, with the space before it."""

    is_fast = True
    all_special_ids = (1,)

    def decode(self, ids):
        return f"word{ids[0]}"

    def __call__(self, text, return_offsets_mapping=False):
        pieces = list(re.finditer(r"\s*(\w+|[^\w\s])", text))
        encoded = {"input_ids": [1, *(2 + sum(map(ord, piece[1])) % 94 for piece in pieces)]}
        if return_offsets_mapping:
            encoded["offset_mapping"] = [(0, 0), *(piece.span() for piece in pieces)]
        return encoded


@pytest.fixture
def model(tiny_llama):
    return load_model(tiny_llama.module, tokenizer=WordTokenizer(), name="Tiny Llama")


def test_natural_text_is_cut_to_one_length_and_recorded(model):
    batch = NaturalText(length=30, n_samples=3).batch(model)
    assert batch.tokens.shape == (3, 30)
    assert len(batch.settings["texts_sha256"]) == 64
    with pytest.raises(InputTooShortError):
        NaturalText(length=30, n_samples=1).batch(model)
    assert len(NaturalText(length=30, n_samples=999).batch(model).tokens) == 24


def test_passages_are_the_halves_of_essays():
    halves = passages()
    assert len(halves) == len(set(halves)) == 24
    assert min(len(half.split()) for half in halves) > 440
    assert all(half.endswith((".", "?", "!", '"', "'")) for half in halves)


def test_prose_and_code_come_in_equal_parts(model):
    batch = ProseAndCode(length=30, n_samples=3).batch(model)
    assert batch.tokens.shape == (6, 30)
    assert batch.marks["is_code"].flatten().tolist() == [False] * 3 + [True] * 3
    assert len(set(code_passages())) == len(passages())
    assert min(map(len, code_passages())) > 2500


def test_equal_recipes_are_one_and_own_input_equals_only_itself():
    assert RepeatedTokens() == RepeatedTokens()
    assert hash(RepeatedTokens()) == hash(RepeatedTokens().configured(half_length=50, length=3))
    assert RepeatedTokens() != RepeatedTokens(seed=1)
    assert OwnInput([[1], [2]]) != OwnInput([[1], [2]])


class Misplaced(Prompts):
    def prompts(self, model):
        return [Prompt("a b", {"gap": (1, 1)}), Prompt("a b", {"gap": (1, 1)})]

    def describe(self):
        return "nothing"


def test_span_without_a_token_is_named(model):
    with pytest.raises(BadInputError, match="'gap'"):
        Misplaced().batch(model)


def test_prompts_without_tokenizer_are_refused(tiny_llama):
    with pytest.raises(BadInputError, match="no tokenizer"):
        Misplaced().batch(tiny_llama)
