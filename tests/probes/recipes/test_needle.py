"""Needles in haystacks: where they stand, what is forced, what is refused."""

import pytest
import torch

from probes import load_model
from probes.errors import BadInputError, InputTooShortError
from probes.recipes.needle import (
    CUE,
    QUESTION,
    Needle,
    NeedleInHaystack,
    greedy_answer,
    our_essays,
    our_needles,
    sentences,
)
from probes.recipes.own_input import OwnInput
from probes.tiny.planted_tables import planted_by_token, word_tokenizer

FACT = Needle("The cat is red and big.", "What is the cat?", "red and big")
HAYSTACK = "One two. Three four five! Six seven? Eight."
WORDS = "The cat is red and big . One two Three four five ! Six seven ? Eight Question : Answer"


@pytest.fixture(scope="module")
def model():
    return load_model(planted_by_token({}), tokenizer=word_tokenizer(WORDS.split()), name="Words")


def recipe(**settings):
    chosen = {"n_samples": 2, "lengths": (40,), "needles": (FACT,), "haystacks": (HAYSTACK,), "depths": (1.0,)}
    return NeedleInHaystack(**chosen | settings)


def words(model, tokens):
    return model.tokenizer.decode(tokens)


def test_needle_cue_and_answer_are_where_the_marks_say(model):
    batch = recipe().batch(model)
    tokens, marks = batch.tokens[0], {name: places[0] for name, places in batch.marks.items()}
    assert words(model, tokens[marks["needle"]]) == words(model, tokens[marks["answer"]]) == "red and big"
    assert words(model, tokens[marks["cue"]]) == "Answer :"
    assert marks["answer"].tolist() == [len(tokens) - 3, len(tokens) - 2, len(tokens) - 1]
    assert marks["cue"][-1] + 1 == marks["answer"][0]


@pytest.mark.parametrize(("depth", "place"), [(0.0, 3), (0.3, 6), (1.0, 13)], ids=["front", "middle", "end"])
def test_needle_stands_between_sentences_at_the_depth_asked_for(model, depth, place):
    batch = recipe(depths=(depth,)).batch(model)
    assert batch.marks["needle"][0].tolist() == [place, place + 1, place + 2]


def test_samples_are_no_longer_than_asked_for(model):
    batch = recipe(lengths=(36, 40), n_samples=4).batch(model)
    assert [int(length) <= wanted for length, wanted in zip(batch.lengths, (36, 40, 36, 40), strict=True)] == [True] * 4
    assert len(set(batch.lengths.tolist())) == 2


def test_haystack_that_ends_too_early_is_refused(model):
    with pytest.raises(InputTooShortError, match="give longer texts"):
        recipe(lengths=(60,)).batch(model)


def test_length_without_room_for_a_sentence_is_refused(model):
    with pytest.raises(InputTooShortError, match="no sentence fits"):
        recipe(lengths=(29,)).batch(model)


def test_needle_that_the_tokenizer_does_not_spell_is_refused(model):
    other = load_model(model.module, tokenizer=word_tokenizer(["The", "cat"]), name="Few words")
    with pytest.raises(BadInputError, match="cannot be found again"):
        recipe().batch(other)


def test_model_without_tokenizer_is_refused(tiny_llama):
    with pytest.raises(BadInputError, match="no tokenizer"):
        NeedleInHaystack().batch(tiny_llama)


def test_own_texts_become_the_haystack_and_own_tokens_are_refused(model):
    own = recipe(haystacks=()).on(OwnInput(texts=[HAYSTACK]))
    assert own == recipe()
    assert recipe().on(OwnInput([[1, 2], [3, 4]])) is None


def test_decoded_answer_ends_with_the_end_of_text(model):
    answer = greedy_answer(model, torch.tensor([3, 4]))
    assert 1 <= len(answer) <= 50


def test_recall_of_own_answers_is_marked_and_recorded(model):
    batch = recipe(decode=True).batch(model)
    assert batch.marks["recall"].tolist() == [0.0, 0.0]
    assert batch.settings["decode"] is True
    assert batch.settings["lengths"] == "40"


def test_our_needles_hold_their_answers_once_and_our_essays_fill_any_length():
    assert [fact.needle for fact in our_needles() if fact.needle.count(fact.answer) != 1] == []
    assert len(our_needles()) == len(our_essays()) == 12
    assert sum(map(len, our_essays())) > 50_000


def test_sentences_are_cut_behind_their_signs_and_not_inside_numbers():
    assert sentences("It is 9.2 metres. Is it? Yes!") == ["It is 9.2 metres.", "Is it?", "Yes!"]


def test_question_and_cue_end_the_prompt(demo):
    batch = NeedleInHaystack(n_samples=2, lengths=(200,)).batch(demo)
    for tokens, answer, needle in zip(batch.tokens, batch.marks["answer"], batch.marks["needle"], strict=True):
        answer, needle = answer[answer >= 0], needle[needle >= 0]
        text = demo.tokenizer.decode(tokens[: answer[0]])
        fact = next(fact for fact in our_needles() if fact.needle in text)
        assert text.endswith(QUESTION.format(question=fact.question) + CUE)
        assert demo.tokenizer.decode(tokens[needle]).strip() == fact.answer
        assert torch.equal(tokens[needle], tokens[answer])
