import pytest
import yaml

from catalog.documents import parse_document, validate_entries
from catalog.errors import Code
from catalog.releases import Released, Tombstone, check_releases, write_released

PAPERS = "- {id: p, claims: [{id: a}, {id: b}]}\n- {id: q}\n"
HEAD_TYPES = "- {id: echo}\n"
RELEASED = "- {version: '0.1.0', papers: [p, q], head_types: [echo], claims: ['p#a', 'p#b']}\n"


def check(papers=PAPERS, head_types=HEAD_TYPES, released=RELEASED, tombstones=""):
    texts = {"papers": papers, "head_types": head_types, "released": released, "tombstones": tombstones}
    documents = [parse_document(text, f"{name}.yaml") for name, text in texts.items()]
    return [(problem.file, problem.code, problem.message) for problem in check_releases(*documents)]


def buried(kind, name, **more):
    fields = {"id": name, "kind": kind, "reason": "it was wrong", "date": "2026-11-22", **more}
    return yaml.safe_dump([fields])


def test_what_was_released_and_is_there_is_fine_and_new_entries_are_too():
    assert check(papers=PAPERS + "- {id: new, claims: [{id: c}]}\n") == []


def test_first_release_has_nothing_to_compare_with():
    assert check(papers="", head_types="", released="") == []


GONE = {
    "paper": ({"papers": "- {id: p, claims: [{id: a}, {id: b}]}\n"}, "paper", "q"),
    "head-type": ({"head_types": ""}, "head type", "echo"),
    "claim": ({"papers": "- {id: p, claims: [{id: b}]}\n- {id: q}\n"}, "claim", "p#a"),
}


@pytest.mark.parametrize(("changed", "kind", "name"), GONE.values(), ids=GONE)
def test_what_is_gone_wants_a_tombstone(changed, kind, name):
    assert check(**changed) == [("released.yaml", Code.VANISHED, f"{kind} '{name}' was released and is gone")]
    assert check(**changed, tombstones=buried(kind, name)) == []
    assert len(check(**changed, tombstones=buried("paper", "other"))) == 1


def test_renamed_entry_is_a_vanished_one():
    assert check(papers=PAPERS.replace("id: q", "id: r"))[0][2] == "paper 'q' was released and is gone"
    assert check(papers=PAPERS.replace("id: q", "id: r"), tombstones=buried("paper", "q", replaced_by="r")) == []


def test_claims_of_a_buried_paper_are_buried_with_it():
    papers = "- {id: q}\n"
    assert [message for *_, message in check(papers=papers)] == [
        "paper 'p' was released and is gone",
        "claim 'p#a' was released and is gone",
        "claim 'p#b' was released and is gone",
    ]
    assert check(papers=papers, tombstones=buried("paper", "p")) == []


def test_tombstone_of_something_that_lives_is_wrong():
    expected = ("tombstones.yaml", Code.WRONG_TOMBSTONE, "paper 'p' is not gone")
    assert check(tombstones=buried("paper", "p")) == [expected]


def test_tombstone_with_an_unknown_replacement_is_wrong():
    found = check(tombstones=buried("head type", "ripple", replaced_by="sound"))
    assert found == [("tombstones.yaml", Code.WRONG_TOMBSTONE, "there is no head type 'sound'")]


@pytest.mark.parametrize("tombstones", ["- {id: [p], kind: [paper]}\n", "- {kind: paper, replaced_by: 3}\n", "- x\n"])
def test_tombstone_of_the_wrong_form_is_left_to_its_model(tombstones):
    check(tombstones=tombstones)
    document = parse_document(tombstones, "tombstones.yaml")
    assert list(validate_entries(document, Tombstone)) == []
    assert document.problems


def test_broken_papers_raise_no_false_alarm():
    assert check(papers="- id: 'open") == []


def test_written_release_is_read_back(make_paper, world):
    text = write_released("0.2.0", list(world.papers.values()), list(world.head_types))
    [released] = validate_entries(parse_document(text, "released.yaml"), Released)
    assert released.version == "0.2.0"
    assert released.papers == sorted(world.papers)
    assert released.head_types == sorted(world.head_types)
    assert "grebe-2021-echo#named-heads" in released.claims
    assert text.startswith("# ")
