"""Chains of statements in words: the answer follows from the text, and guessing does not find it."""

import re
from collections import Counter

import pytest

from probes.errors import BadInputError
from probes.recipes.chain_prompts import FORMS, chain_prompts


def answer_to_assignments(text):
    """What the letter asked for is worth, by reading each line once."""
    worth = {}
    for name, value in re.findall(r"^(\w) = (\w)$", text, re.MULTILINE):
        worth[name] = worth.get(value, value)
    return " " + worth[re.search(r"value of (\w)\?", text)[1]]


def answer_to_conditional(text):
    """Where the person asked for lives, by the rule of his or her trade."""
    home = dict(re.findall(r"^(\w+) lives near the (\w+)\.$", text, re.MULTILINE))
    people = re.findall(r"^(\w+) is a (\w+), has (\w+) as teacher and (\w+) as cousin\.$", text, re.MULTILINE)
    lives_with = {name: teacher if trade == "gardener" else cousin for name, trade, teacher, cousin in people}
    at = re.search(r"does (\w+) live\?", text)[1]
    n_statements = 1
    while at in lives_with:
        at = lives_with[at]
        n_statements += 1
    return " " + home[at], n_statements


@pytest.mark.parametrize("depth", range(1, 7))
def test_answer_to_assignments_follows_from_the_text(depth):
    for prompt in chain_prompts("assignments", depth, 30):
        assert prompt.candidates[prompt.right] == answer_to_assignments(prompt.text)
        assert len(re.findall(r"^\w = \w$", prompt.text, re.MULTILINE)) == 4 * depth


@pytest.mark.parametrize("depth", range(1, 7))
def test_answer_to_conditional_follows_from_the_trades(depth):
    for prompt in chain_prompts("conditional", depth, 30):
        assert (prompt.candidates[prompt.right], depth) == answer_to_conditional(prompt.text)


@pytest.mark.parametrize("form", FORMS)
def test_right_candidate_is_drawn_evenly_and_candidates_differ(form):
    prompts = chain_prompts(form, 2, 400)
    assert all(len(set(prompt.candidates)) == 4 for prompt in prompts)
    assert min(Counter(prompt.right for prompt in prompts).values()) > 70


@pytest.mark.parametrize("form", FORMS)
def test_place_of_the_definition_does_not_give_the_answer_away(form):
    prompts = chain_prompts(form, 3, 300)
    firsts = [min(prompt.candidates, key=prompt.text.find) for prompt in prompts]
    share = sum(first == prompt.candidates[prompt.right] for first, prompt in zip(firsts, prompts, strict=True)) / 300
    assert 0.15 < share < 0.35


def test_same_seed_gives_the_same_prompts():
    assert chain_prompts("assignments", 3, 5, seed=1) == chain_prompts("assignments", 3, 5, seed=1)
    assert chain_prompts("assignments", 3, 5, seed=1) != chain_prompts("assignments", 3, 5, seed=2)


@pytest.mark.parametrize(
    ("form", "depth", "words"),
    [
        ("riddles", 1, "no form of prompts 'riddles'"),
        ("assignments", 7, "depths 1 to 6"),
        ("conditional", 0, "depth is 0"),
    ],
)
def test_impossible_prompts_are_refused(form, depth, words):
    with pytest.raises(BadInputError, match=words):
        chain_prompts(form, depth, 1)
