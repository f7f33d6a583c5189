import importlib.util
import sys
from pathlib import Path

import pytest
import yaml

from catalog.errors import MissingPackageError
from catalog.registry import Registry
from catalog.related import N_RELATED, RECIPE, Recipe, Related, related

pytest.importorskip("sklearn")
TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def found(catalogue):
    return related(catalogue)


@pytest.fixture(scope="module")
def compare():
    spec = importlib.util.spec_from_file_location("compare_related", TESTS / "tools/compare_related.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def registry_of(*papers):
    return Registry({paper.id: paper for paper in papers}, {})


def ids(nearest):
    return [each.paper_id for each in nearest]


def test_every_paper_has_eight_others_nearest_first(found, catalogue):
    assert list(found) == list(catalogue.papers)
    for paper_id, nearest in found.items():
        assert len(set(ids(nearest)) - {paper_id}) == N_RELATED
        scores = [each.score for each in nearest]
        assert scores == sorted(scores, reverse=True)
        assert all(0 < score <= 1 for score in scores)


def test_shared_head_types_are_those_of_both(found, catalogue):
    for paper_id, nearest in found.items():
        for each in nearest:
            other = catalogue.papers[each.paper_id]
            assert set(each.shared_head_types) == set(catalogue.papers[paper_id].head_types) & set(other.head_types)


def test_order_of_the_registry_does_not_matter(found, catalogue):
    backwards = dict(reversed(catalogue.papers.items()))
    assert related(Registry(backwards, catalogue.head_types)) == found


def test_ties_are_broken_by_id(make_paper):
    papers = [make_paper(f"{letter}-2021-echo") for letter in "cbda"]
    nearest = related(registry_of(*papers))["c-2021-echo"]
    assert nearest == [Related(f"{letter}-2021-echo", 1.0, ("echo",)) for letter in "abd"]


def test_superseded_paper_relates_to_nothing(make_paper):
    papers = [make_paper(f"{letter}-2021-echo") for letter in "abc"]
    papers.append(make_paper("old-2020-echo", superseded_by="a-2021-echo"))
    found = related(registry_of(*papers))
    assert found["old-2020-echo"] == []
    assert ids(found["a-2021-echo"]) == ["b-2021-echo", "c-2021-echo"]


def test_papers_with_nothing_in_common_are_unrelated(make_paper):
    def paper(paper_id, word, head_type):
        summary = {"innovation": word, "tasks": word, "result": word, "written_by": "person"}
        return make_paper(paper_id, title=word, head_types=[head_type], summary=summary)

    found = related(registry_of(paper("a-2021-a", "xyzzy", "echo"), paper("b-2021-b", "quuuux", "ripple")))
    assert found == {"a-2021-a": [], "b-2021-b": []}


@pytest.mark.parametrize("n_papers", [0, 1])
def test_too_few_papers_are_no_error(make_paper, n_papers):
    papers = [make_paper()][:n_papers]
    assert related(registry_of(*papers)) == {paper.id: [] for paper in papers}


def test_papers_without_any_label_are_compared_by_their_words(make_paper):
    papers = [make_paper(f"{letter}-2021-echo", head_types=[]) for letter in "ab"]
    assert ids(related(registry_of(*papers))["a-2021-echo"]) == ["b-2021-echo"]


def test_missing_package_names_the_extra(make_paper, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.feature_extraction.text", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'headatlas\[site\]'"):
        related(registry_of(make_paper("a-2021-a"), make_paper("b-2021-b")))


def test_judgements_are_about_papers_of_the_catalogue(catalogue, compare):
    judged = yaml.safe_load(compare.JUDGEMENTS.read_text(encoding="utf-8"))
    assert len(judged) == 10
    for paper_id, lists in judged.items():
        wanted = lists["first"] + lists["also"]
        assert 5 <= len(wanted) == len(set(wanted) - {paper_id}) <= 10
        assert {paper_id, *wanted} <= catalogue.papers.keys()


def test_recipe_in_use_finds_more_than_words_alone(catalogue, compare):
    in_use, words = compare.measure(catalogue, RECIPE), compare.measure(catalogue, Recipe("word", 0))
    assert in_use > words
    assert in_use[1] > words[1]
