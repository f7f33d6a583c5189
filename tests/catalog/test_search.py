import json
import sys
from pathlib import Path

import pytest

from catalog.errors import MissingPackageError
from catalog.models import Tags
from catalog.registry import Registry
from catalog.search import search_papers

POND = Path(__file__).parents[1] / "fixtures" / "pond"


@pytest.fixture
def registry(make_paper, world):
    """Three papers that differ in every field that a search looks at."""
    papers = [
        make_paper(head_types=[], title="Echoes in Small Ponds"),
        make_paper(
            "agren-2022-ripple",
            title="Multi-Head Ripples",
            authors=["Eva Ågren"],
            arxiv_id="2201.00001",
            head_types=["echo"],
            models=["Lake-2"],
            tags=Tags(methods=["ablation"], domains=["long context"], model_families=["Pythia"]),
        ),
        make_paper(
            "old-2005-string",
            title="Strings",
            arxiv_id="hep-th/0501001",
            head_types=[],
            summary={"innovation": "Plucks.", "tasks": "Listens.", "result": "It rings.", "written_by": "person"},
        ),
    ]
    return Registry({paper.id: paper for paper in papers}, world.head_types)


def ids(registry, query):
    return [match.paper.id for match in search_papers(registry, query)]


@pytest.mark.parametrize(
    "query",
    [
        *("ripple", "RIPPLES", "multi-head", "multihead", "multi head", "Ågren", "agren", "agren-2022-ripple"),
        *("mirror heads", "ablations", "long contexts", "pythia", "lake-2"),
        *("2201.00001", "arXiv:2201.00001v3", "https://arxiv.org/abs/2201.00001"),
    ],
)
def test_paper_is_found_by_every_field_in_every_spelling(registry, query):
    assert ids(registry, query)[0] == "agren-2022-ripple"


def test_old_arxiv_id_finds_its_paper_alone(registry):
    assert ids(registry, "hep-th/0501001") == ["old-2005-string"]


@pytest.mark.parametrize("query", ["zebra", "the", "", "?!", "9901.00001"])
def test_words_that_stand_nowhere_find_nothing(registry, query):
    assert ids(registry, query) == []


def test_empty_registry_holds_nothing():
    assert search_papers(Registry({}, {}), "echo") == []


def test_scores_fall_and_lie_between_0_and_1(registry):
    scores = [match.score for match in search_papers(registry, "echo pond ripple")]
    assert len(scores) >= 2
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1.000001 for score in scores)


@pytest.mark.parametrize(
    ("query", "paper_id"),
    [
        ("olsson induction", "olsson-2022-induction"),
        ("successor heads", "gould-2023-successor"),
        ("copy suppression", "mcdougall-2023-copy-suppression"),
        ("2404.15574", "wu-2024-retrieval"),
        ("akyurek", "akyurek-2024-in-context-language"),
        ("indirect object identification", "wang-2022-ioi"),
        ("how do transformers count", "zsamboki-2025-counting"),
    ],
)
def test_catalogue_gives_what_one_looks_for(catalogue, query, paper_id):
    assert paper_id in ids(catalogue, query)[:3]


def test_table_has_score_id_and_title(headatlas):
    head, row = headatlas("paper", "search", "ripples", "--data", POND).stdout.splitlines()
    assert head.split() == ["score", "id", "title"]
    assert row.split(maxsplit=2)[1:] == ["teal-2023-ripple", "[Re] Ripples :smile: [/bold]"]


def test_json_has_as_many_whole_papers_as_wanted(headatlas):
    done = headatlas("paper", "search", "echo", "--json", "--limit", 1, "--data", POND)
    (found,) = json.loads(done.stdout)
    assert found.keys() == {"score", "paper"}
    assert found["paper"]["id"] == "grebe-2021-echo"


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "text"])
def test_no_match_says_so_and_ends_with_1(headatlas, as_json):
    done = headatlas("paper", "search", "zebra", "--data", POND, *["--json"] * as_json)
    assert (done.returncode, done.stdout) == (1, "[]\n" if as_json else "")
    assert "no paper holds any of these words: zebra" in done.stderr


@pytest.mark.parametrize("package", ["sklearn", "snowballstemmer"])
def test_missing_package_is_named_with_its_extra(registry, monkeypatch, package):
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError, match=r"pip install 'headatlas\[search\]'"):
        search_papers(registry, "echo")
