"""The real relations: one test case per file."""

import re
from collections import Counter
from pathlib import Path

import pytest

from catalog.relations import GAP, Category, Rule, read_relations

RELATIONS = read_relations(Path(__file__).parents[1] / "data")
FEWEST_CANDIDATES = 60
"""So that thirty pairs are left with most tokenizers."""
LARGEST_SHARE = 0.3
"""Of the sources that one target may be right for, or a head that always writes it passes for one of the relation."""

each_relation = pytest.mark.parametrize("relation", RELATIONS.values(), ids=RELATIONS)


def words_of(prompt):
    return re.findall(r"[^\W_]+", prompt.replace(GAP, ""))


def test_there_are_twenty_relations_of_all_categories():
    assert len(RELATIONS) >= 20
    assert {relation.category for relation in RELATIONS.values()} == set(Category)


@each_relation
def test_relation_has_enough_candidates_with_targets_spread_over_them(relation):
    assert len(relation.targets) >= FEWEST_CANDIDATES
    counts = Counter(target for accepted in relation.targets.values() for target in accepted)
    assert max(counts.values()) <= LARGEST_SHARE * len(relation.targets)


@each_relation
def test_relation_has_prompts_of_both_kinds_each_once(relation):
    assert len(relation.prompts) >= 4
    assert relation.completions
    every = [*relation.prompts, *relation.completions]
    assert len(set(every)) == len(every)


@each_relation
def test_neutral_prompts_give_no_target_away(relation):
    targets = {target for accepted in relation.targets.values() for target in accepted}
    if relation.category is Category.KNOWLEDGE:
        assert [prompt for prompt in relation.prompts if targets & set(words_of(prompt))] == []


@each_relation
def test_completions_leave_enough_pairs_unseen(relation):
    for prompt in relation.completions:
        assert len(relation.unseen(prompt)) >= 0.9 * len(relation.targets)


def test_published_k_is_one_for_copying_and_ten_for_other_published_relations():
    published = {name: relation.k for name, relation in RELATIONS.items() if "elhelo-2024-maps" in relation.papers}
    assert {name for name, k in published.items() if k == 1} == {"copying", "name_copying"}
    assert set(published.values()) == {1, 10}


@pytest.mark.parametrize("name", ["antonym", "compound", "plural", "english_to_german"])
def test_words_that_yaml_might_take_for_something_else_are_text(name):
    assert all(type(word) is str for pair in RELATIONS[name].targets.items() for word in (pair[0], *pair[1]))


def test_circles_of_successors_close():
    successor = {source: accepted[0] for source, accepted in RELATIONS["successor"].targets.items()}
    for start, length in (("January", 12), ("Monday", 7), ("spring", 4)):
        term = start
        for _ in range(length):
            term = successor[term]
        assert term == start


def test_predecessors_are_successors_the_other_way_round():
    def edges(name):
        return {(source, target) for source, accepted in RELATIONS[name].targets.items() for target in accepted}

    assert edges("predecessor") == {(target, source) for source, target in edges("successor")}


@pytest.mark.parametrize("name", ["comparative", "superlative"])
def test_degrees_are_of_the_same_adjectives_and_end_as_they_should(name):
    relation, ending = RELATIONS[name], {"comparative": "r", "superlative": "st"}[name]
    assert list(relation.targets) == list(RELATIONS["comparative"].targets)
    wrong = [target for accepted in relation.targets.values() for target in accepted if not target.endswith(ending)]
    assert sorted(set(wrong)) == {"comparative": ["less", "more", "worse"], "superlative": []}[name]


@pytest.mark.parametrize(("name", "ending"), [("gerund", "ing"), ("third_person", "s"), ("adjective_to_adverb", "ly")])
def test_regular_forms_end_as_they_should(name, ending):
    targets = {target for accepted in RELATIONS[name].targets.values() for target in accepted}
    assert {target for target in targets if not target.endswith(ending)} <= {"well"}


def test_compounds_begin_with_their_source():
    wrong = [
        (source, target)
        for source, accepted in RELATIONS["compound"].targets.items()
        for target in accepted
        if not target.startswith(source) or len(target) < len(source) + 2
    ]
    assert wrong == []


def test_homophones_are_spelled_in_another_way_but_go_both_ways_or_one():
    targets = RELATIONS["homophone"].targets
    one_way = [
        (source, other)
        for source, accepted in targets.items()
        for other in accepted
        if other in targets and source not in targets[other]
    ]
    assert one_way == []


def test_letters_are_computed_from_words_of_several_letters():
    for name in ("first_letter", "last_letter"):
        assert RELATIONS[name].rule in {Rule.FIRST_LETTER, Rule.LAST_LETTER}
        assert all(len(word) > 1 and word.islower() for word in RELATIONS[name].words)


def test_pronouns_are_balanced():
    counts = Counter(accepted[0] for accepted in RELATIONS["pronoun"].targets.values())
    assert set(counts) == {"he", "she", "it", "they"}
    assert len(set(counts.values())) == 1


@pytest.mark.slow
@each_relation
def test_thirty_pairs_are_single_tokens_of_the_demo_model(relation, demo):
    def is_one_token(word):
        return len(demo.tokenizer.encode(f" {word}", add_special_tokens=False)) == 1

    kept = [
        source
        for source, accepted in relation.targets.items()
        if is_one_token(source) and any(map(is_one_token, accepted))
    ]
    assert len(kept) >= 30 or relation.rule is Rule.NEXT_NUMBER
