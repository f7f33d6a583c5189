import json

import pytest

from catalog.errors import Code, Problem
from catalog.reports import Shape, count_errors, report

ERROR = Problem("data/papers.yaml", 3, 7, Code.SHARED_ARXIV_ID, "is 100 % wrong:\nreally, ::error::so", "mend it")
WARNING = Problem("data/papers.yaml", 9, 1, Code.SIMILAR_TITLE, "is much alike", "look at it")
COUNTS = {"papers": 2, "head_types": 3}


def test_only_errors_count():
    assert count_errors([ERROR, WARNING, WARNING]) == 1


def test_text_has_one_line_a_problem_and_names_warnings():
    assert report([ERROR, WARNING], Shape.TEXT, COUNTS).splitlines() == [
        "data/papers.yaml:3:7: HA205 is 100 % wrong: really, ::error::so (mend it)",
        "data/papers.yaml:9:1: HA208 warning: is much alike (look at it)",
    ]


def test_json_has_severity_and_documentation_of_every_problem():
    parsed = json.loads(report([ERROR, WARNING], Shape.JSON, COUNTS))
    assert [(problem["severity"], problem["documentation"]) for problem in parsed.pop("problems")] == [
        ("error", "CONTRIBUTING.md#ha205"),
        ("warning", "CONTRIBUTING.md#ha208"),
    ]
    assert parsed == COUNTS


def test_annotation_is_one_command_that_nothing_can_end():
    first, second = report([ERROR, WARNING], Shape.GITHUB, COUNTS).split("\n")
    assert first == (
        "::error file=data/papers.yaml,line=3,col=7,title=HA205::is 100 %25 wrong:%0Areally, ::error::so "
        "(mend it; see CONTRIBUTING.md#ha205)"
    )
    assert second.startswith("::warning file=data/papers.yaml,line=9,col=1,title=HA208::")


@pytest.mark.parametrize(("name", "written"), [("a,b:c%d", "a%2Cb%3Ac%25d"), ("a\r\nb", "a%0D%0Ab")], ids=repr)
def test_file_name_of_an_annotation_is_escaped(name, written):
    problem = Problem(name, 1, 1, Code.SYNTAX, "x", "y")
    assert report([problem], Shape.GITHUB, COUNTS).startswith(f"::error file={written},line=1,")


def test_file_of_an_annotation_is_named_from_the_top_of_the_repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    problem = Problem(str(tmp_path / "data" / "papers.yaml"), 1, 1, Code.SYNTAX, "x", "y")
    assert "file=data/papers.yaml," in report([problem], Shape.GITHUB, COUNTS)


@pytest.mark.parametrize("shape", [Shape.TEXT, Shape.GITHUB])
def test_without_problems_the_counts_are_told(shape):
    assert report([], shape, COUNTS) == "2 papers, 3 head types: no problems"
