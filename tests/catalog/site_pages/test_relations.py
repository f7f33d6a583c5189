import re
from dataclasses import replace
from html import unescape

import pytest

from catalog import site_pages
from catalog.head_operations import HeadOperations, read_head_operations, write_head_operations
from catalog.relation_checks import RelationCheck
from catalog.relations import Relation


def read(html):
    """Text that a reader sees of a piece of HTML."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


@pytest.fixture
def relation():
    return Relation.model_validate(
        {
            "id": "frog_to_sound",
            "name": "Frog to sound",
            "category": "knowledge",
            "definition": "The target is the sound of the frog.",
            "licence": "CC0-1.0",
            "origin": "By ear.",
            "papers": ["grebe-2021-echo"],
            "head_types": ["ripple"],
            "prompts": ["Here sits {source}"],
            "pairs": {"tree_frog": ["ribbit", "croak"], "bullfrog": ["moo"]},
        }
    )


@pytest.fixture
def collect(world, relation):
    """Function that writes the pages of the world with this relation and these records."""

    def collect(**records):
        return site_pages.collect(replace(world, relations={relation.id: relation}, **records))

    return collect


@pytest.fixture
def run(make_relation_run):
    return make_relation_run(writes={"L1H2": 30, "L2H0": 8}, suppresses={"L1H2": 10, "L0H1": 2})


@pytest.fixture
def check(run):
    hits = [[0] * 3] * 4
    return RelationCheck.model_validate(
        {
            "relation": run.relation,
            "pairs_sha256": run.pairs_sha256,
            "model": run.model,
            "k": 10,
            "most_pairs": 20,
            "seed": 0,
            "carriers": ["Here sits {source}"],
            "n_pairs": 20,
            "writes": {"without_context": hits, "with_context": hits, "correlation_without_context": 0.8125},
            "suppresses": {"without_context": hits, "with_context": hits},
            "ablation": {
                "completion": "A {source} says",
                "n_pairs": 20,
                "heads": ["L1H2", "L2H0"],
                "accuracies": [0.9, 0.25, 0.0],
                "n_off": 2,
                "random": [0.8, 0.6],
            },
            "provenance": run.provenance,
        }
    )


def test_relation_gives_definition_pairs_licence_origin_and_papers(collect):
    text = read(collect()["relations/frog_to_sound.md"])
    assert "The target is the sound of the frog." in text
    assert "tree_frog → ribbit or croak; bullfrog → moo" in text
    assert "licence of the list CC0-1.0 origin By ear." in text
    assert "Echo Heads in Small Ponds Grebe and Heron, 2021" in text
    assert "No model has been measured for this relation yet" in text


def test_best_heads_of_both_signs_stand_beside_their_baselines(collect, run):
    page = collect(relation_runs=[run])["relations/frog_to_sound.md"]
    rows = re.findall(r"L\dH\d pushed \w+ .*? (?:yes|no)", read(page))
    assert rows == [
        "L1H2 pushed up 0.750 ± 0.069 0.050 0.075 0.001 yes",
        "L1H2 pushed down 0.250 ± 0.069 0.050 0.075 0.001 yes",
        "L2H0 pushed up 0.200 ± 0.064 0.050 0.075 0.001 yes",
    ]
    assert page.count('class="ha-map"') == 1
    assert 'href="../models/pond-1/L1H2.html"' in page


def test_relation_that_the_tokenizer_leaves_too_few_pairs_of_says_so(collect, make_relation_run):
    unscored = {"n_pairs": 12, "writes": None, "suppresses": None}
    run = make_relation_run().model_copy(update=unscored)
    pages = collect(relation_runs=[run])
    assert "12 of 60 pairs are single tokens on both sides, and 30 are needed" in read(
        pages["relations/frog_to_sound.md"]
    )
    assert "too few pairs" in read(pages["relations/index.md"])
    assert "#weights" not in pages["models/pond-1/L1H2.md"]


def test_check_against_behaviour_stands_below_the_scores(collect, run, check):
    page = collect(relation_runs=[run], relation_checks=[check])["relations/frog_to_sound.md"]
    text = read(page)
    assert "pushed up 0.812 – pushed down – –" in text
    assert "right for 90 %. Without the 2 best heads of the relation ( L1H2 , L2H0 )" in text
    assert "is right for 0 %, without as many random heads for 70 % on average over 2 draws." in text
    assert page.count('"ha-lines"') == 1


def test_relation_on_a_model_without_pages_links_to_no_head(collect, run):
    other = run.model_copy(update={"model": run.model.model_copy(update={"slug": "sea-9"})})
    assert "sea-9/L" not in collect(relation_runs=[other])["relations/frog_to_sound.md"]


def test_model_lists_relations_with_the_called_heads_of_both_signs(collect, run, make_relation_run):
    other = make_relation_run().model_copy(update={"relation": "frog_to_pond"})
    pages = collect(relation_runs=[run, other])
    text = read(pages["models/pond-1.md"])
    assert "1 of the 2 relations that its tokenizer leaves enough pairs of have called heads" in text
    assert "Frog to sound L1H2 0.750 L2H0 0.200 L1H2 0.250" in text
    assert "No head is called for frog_to_pond ." in text
    assert 'href="../models/pond-1/L2H0.html"' in pages["models/pond-1.md"]
    assert "#relations" not in pages["models/lake-2.md"]
    assert re.search(r'href="pond-1.html#relations">2<.*', pages["models/index.md"])


def test_list_counts_heads_that_push_up_and_down(collect, run):
    assert "2 2 up, 1 down" in read(collect(relation_runs=[run])["relations/index.md"])


def test_head_lists_relations_in_which_it_stands_out(collect, run):
    pages = collect(relation_runs=[run])
    text = read(pages["models/pond-1/L1H2.md"])
    assert text.count("Frog to sound pushed") == 2
    assert "It stands out in 1 of 1 relations" in text
    assert "It stands out in none of 1 relations" in read(pages["models/pond-1/L0H1.md"])
    assert "#weights" not in pages["models/lake-2/L0H1.md"]


def test_described_head_shows_words_and_nearest_heads(collect, run, tmp_path):
    record = HeadOperations.model_validate(
        {
            "model": run.model,
            "head": "L1H2",
            "rows": "raw",
            "salient": [{"token": " frog", "saliency": 2.0, "raised": [" croak"], "lowered": [" moo"]}],
            "relations": [],
            "nearest": [{"head": "L3H0", "cosine": 0.5}],
            "description": {"text": "Writes the sound of frogs.", "is_generated": True, "model": "Newt-3"},
            "provenance": run.provenance,
        }
    )
    write_head_operations(tmp_path, record)
    pages = collect(head_operations=read_head_operations(tmp_path))
    text = read(pages["models/pond-1/L1H2.md"])
    assert "Writes the sound of frogs. Written by Newt-3." in text
    assert "frog 2.000 croak moo" in text
    assert "Heads with the most similar maps: L3H0 0.500" in text


def test_papers_and_head_types_link_to_their_relations(collect):
    pages = collect()
    for page in ("papers/grebe-2021-echo.md", "head-types/ripple.md"):
        assert '<a href="../relations/frog_to_sound.html">frog to sound</a>' in pages[page]
