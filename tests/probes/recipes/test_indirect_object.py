"""Indirect-object prompts: where the marks lie, which names are used, what is refused."""

import re
from collections import Counter

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import Whitespace
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from probes import load_model
from probes.errors import BadInputError
from probes.recipes.indirect_object import FEWEST_NAMES, NAMES, TEMPLATES, IndirectObject, one_token_names
from probes.tiny.planted_names import N_NAMES, names_tokenizer


def tiny(tokenizer):
    config = GPT2Config(vocab_size=len(tokenizer), n_embd=8, n_layer=1, n_head=1, bos_token_id=0, eos_token_id=0)
    return load_model(GPT2LMHeadModel(config), tokenizer=tokenizer)


@pytest.fixture(scope="module")
def model():
    return tiny(names_tokenizer())


@pytest.fixture(scope="module")
def batch(model):
    return IndirectObject().batch(model)


def position(batch, name, sample):
    (only,) = batch.marks[name][sample].tolist()
    return only


def splitting_tokenizer(n_whole):
    """Knows the first names and splits all other words into letters."""
    letters = {letter for name in NAMES for letter in name}
    pieces = ["[UNK]", "to", *NAMES[:n_whole], *sorted(letters), *(f"##{letter}" for letter in sorted(letters))]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]")


def test_marks_of_the_first_template_are_those_counted_by_hand(model, batch):
    # On Monday A and B met at the P , and B handed a O to
    words = model.tokenizer.convert_ids_to_tokens(batch.tokens[0].tolist())[:16]
    assert words[:2] + words[9:11] + words[15:] == ["On", "Monday", ",", "and", "to"]
    expected = {"IO": 2, "IO+1": 3, "S1": 4, "S1+1": 5, "S2": 11, "END": 15}
    assert {name: position(batch, name, 0) for name in expected} == expected
    swapped = {"IO": 4, "IO+1": 5, "S1": 2, "S1+1": 3, "S2": 11, "END": 15}
    assert {name: position(batch, name, 1) for name in swapped} == swapped


@pytest.mark.parametrize("sample", range(32))
def test_every_prompt_names_the_subject_twice_and_ends_before_the_answer(model, batch, sample):
    io, s1, s2, end = (position(batch, name, sample) for name in ("IO", "S1", "S2", "END"))
    tokens = batch.tokens[sample].tolist()
    names = one_token_names(model.tokenizer).values()
    assert tokens[s1] == tokens[s2] != tokens[io]
    assert {tokens[s1], tokens[io]} <= set(names)
    assert sum(token in names for token in tokens[: end + 1]) == 3
    assert (io < s1 < s2) == (sample % 2 == 0)
    assert position(batch, "S1+1", sample) == s1 + 1
    assert position(batch, "IO+1", sample) == io + 1
    assert end == int(batch.last[sample])
    assert model.tokenizer.unk_token_id not in tokens


def test_each_template_is_read_in_both_orders():
    assert len(TEMPLATES) >= 15
    prompts = IndirectObject().prompts(tiny(names_tokenizer()))
    starts = Counter(prompt.text.split(maxsplit=1)[0] for prompt in prompts)
    assert starts == Counter(template.split(maxsplit=1)[0] for template in TEMPLATES * 2)


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_name_follows_a_space_and_a_word_follows_it(template):
    assert len(re.findall(r"(?<=\S )\{(?:first|second|subject)\}(?= \w)", template)) == 3
    assert template.endswith(" to")


def test_names_that_a_prompt_does_not_mention_are_its_others(batch):
    others = batch.marks["other_names"]
    assert others.shape == (32, N_NAMES - 2)
    mentioned = torch.stack([batch.tokens[i, [position(batch, "IO", i), position(batch, "S1", i)]] for i in range(32)])
    assert not (others[:, :, None] == mentioned[:, None]).any()


def test_names_of_several_or_unknown_tokens_are_dropped_and_counted(batch):
    assert (batch.settings["n_names"], batch.settings["n_names_dropped"]) == (N_NAMES, len(NAMES) - N_NAMES)
    assert list(one_token_names(splitting_tokenizer(n_whole=10))) == list(NAMES[:10])


def test_tokenizer_that_splits_too_many_names_is_refused_with_counts():
    with pytest.raises(BadInputError, match=f"keeps {FEWEST_NAMES - 1} of {len(NAMES)} names"):
        IndirectObject().batch(tiny(splitting_tokenizer(n_whole=FEWEST_NAMES - 1)))


def test_model_without_tokenizer_is_refused():
    with pytest.raises(BadInputError, match="no tokenizer"):
        one_token_names(None)


def test_seed_decides_the_prompts(model, batch):
    assert torch.equal(IndirectObject().batch(model).tokens, batch.tokens)
    assert IndirectObject(seed=1).batch(model).settings["texts_sha256"] != batch.settings["texts_sha256"]


def test_names_are_all_different():
    assert len(set(NAMES)) == len(NAMES)
