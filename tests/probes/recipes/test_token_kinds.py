"""Kinds of tokens, told by an invented tokenizer that knows every word of the essays."""

import re
from pathlib import Path

import pytest
import torch

from probes import load_model
from probes.inputs import TokenBatch
from probes.recipes.natural_text import NaturalText
from probes.recipes.own_input import OwnInput
from probes.recipes.token_kinds import ESSAYS, with_token_kinds


class Words:
    """Words and signs numbered in the order of the alphabet; id 0 is special."""

    all_special_ids = (0,)

    def __init__(self):
        texts = [Path(file).read_text() for file in ESSAYS.glob("*.txt")]
        self.pieces = ["<start>", *sorted({piece for text in texts for piece in self.cut(text)})]
        self.ids = {piece: number for number, piece in enumerate(self.pieces)}

    @staticmethod
    def cut(text):
        return re.findall(r"\w+|[^\w\s]|\n", text)

    def __call__(self, text):
        return {"input_ids": [0, *(self.ids[piece] for piece in self.cut(text))]}

    def decode(self, ids):
        return self.pieces[ids[0]]


@pytest.fixture(scope="module")
def words():
    return Words()


@pytest.fixture
def model(tiny_llama, words):
    return load_model(tiny_llama.module, tokenizer=words)


def kinds(model, text):
    batch = TokenBatch(torch.tensor([model.tokenizer(text)["input_ids"]] * 2))
    marks = with_token_kinds(batch, model).marks
    pieces = [model.tokenizer.pieces[id_] for id_ in batch.tokens[0].tolist()]
    chosen = {
        name: [p for p, yes in zip(pieces, marks[name][0], strict=True) if yes] for name in marks if name[:2] == "is"
    }
    return chosen, marks


def test_punctuation_line_breaks_and_special_tokens_are_delimiters(model):
    chosen, _ = kinds(model, "the bread, it's old.\n")
    assert chosen["is_delimiter"] == ["<start>", ",", ".", "\n"]


def test_common_are_the_hundred_commonest_of_the_essays(model):
    chosen, _ = kinds(model, "the bread and the violin.")
    assert [piece for piece in chosen["is_common"] if piece != "<start>"] == ["the", "and", "the", "."]


def test_order_of_the_alphabet_says_little_of_frequency(model):
    _, marks = kinds(model, "the bread")
    assert abs(float(marks["id_order"][0, 0])) < 0.3


def test_own_texts_are_marked_and_a_model_without_tokenizer_marks_nothing(model, tiny_llama):
    own = OwnInput(tokens=[[1, 2, 3], [4, 5, 6]])
    assert NaturalText().on(own) == NaturalText().on(own)
    assert NaturalText().on(own).batch(model).marks["is_delimiter"].shape == (2, 3)
    assert NaturalText().on(own).batch(tiny_llama).marks == {}
