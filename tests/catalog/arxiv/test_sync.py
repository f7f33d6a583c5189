"""paper sync: what it reports, and that one troubled paper does not hide the others."""

import json
import shutil
from pathlib import Path

import pytest

from catalog.registry import Registry

POND = Path(__file__).parents[2] / "fixtures" / "pond"


NEW = "2026-12-01T00:00:00Z"
"""A day after both papers of the pond have joined the catalogue."""


@pytest.fixture
def sync(headatlas, manners):
    return lambda *arguments: headatlas("paper", "sync", *arguments, "--data", POND)


@pytest.fixture
def same(server):
    """Both papers of the pond, on arXiv as in the catalogue."""
    papers = Registry.load(POND).papers.values()
    for paper in papers:
        server.add(paper.arxiv_id, title=paper.title, authors=tuple(paper.authors))
    return server


def report(done, returncode=0):
    assert done.returncode == returncode
    return json.loads(done.stdout)


def test_nothing_has_changed(same, sync):
    done = sync()
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "2 compared, 0 differ, 0 with trouble, 0 not on arXiv\n"


def test_version_that_was_there_when_the_paper_was_added_is_no_news(same, sync):
    paper = Registry.load(POND).paper("2302.00002")
    same.add(
        "2302.00002", title=paper.title, authors=tuple(paper.authors), version=4, updated=f"{paper.added}T23:00:00Z"
    )
    assert report(sync("--json"))["drift"] == []


def test_every_kind_of_drift_is_reported(same, sync):
    extra = {"comment": "This paper has been WITHDRAWN by the authors", "journal_ref": "PondConf", "doi": "10.1/pond"}
    same.add("2302.00002", title="Ripples, Revised", authors=("Di Coot",), version=4, extra=extra, updated=NEW)
    drifts = report(sync("--json"))["drift"]
    assert {drift["what"]: drift["arxiv"] for drift in drifts} == {
        "withdrawn": "This paper has been WITHDRAWN by the authors",
        "title": "Ripples, Revised",
        "authors": "Di Coot",
        "version": "v4",
        "journal reference": "PondConf",
        "DOI": "10.1/pond",
    }
    assert {(drift["paper"], drift["arxiv_id"]) for drift in drifts} == {("teal-2023-ripple", "2302.00002")}
    lines = sync().stdout.splitlines()
    assert len(lines) == 1 + len(drifts)


def test_unknown_id_is_listed_beside_what_could_be_compared(same, sync):
    del same.papers["2302.00002"]
    same.add("2105.00010", title="Another Title")
    done = sync("--json")
    found = report(done, 1)
    assert found["trouble"] == {"teal-2023-ripple": "arXiv has no complete entry for it"}
    assert {drift["paper"] for drift in found["drift"]} == {"grebe-2021-echo"}
    assert done.stderr == "1 compared, 1 differ, 1 with trouble, 0 not on arXiv\n"
    assert "trouble" in sync().stdout


@pytest.mark.parametrize(
    ("arxiv_id", "reason"),
    [("'2334.00002'", "no arXiv id: '2334.00002'"), (None, "has no arXiv id")],
    ids=["impossible-month", "no-id"],
)
def test_paper_that_arxiv_cannot_know_is_listed_and_spoils_no_batch(
    same, headatlas, manners, tmp_path, arxiv_id, reason
):
    data = shutil.copytree(POND, tmp_path / "data")
    text = (data / "papers.yaml").read_text()
    line = "  arxiv_id: '2302.00002'\n"
    text = text.replace(line, f"  arxiv_id: {arxiv_id}\n" if arxiv_id else "")
    text = text.replace("date_basis: month of the arXiv id", "date_basis: publication page")
    (data / "papers.yaml").write_text(text)
    done = headatlas("paper", "sync", "--data", data, "--json", "--ids", "teal-2023-ripple,grebe-2021-echo")
    assert reason in report(done, 1)["trouble"]["teal-2023-ripple"]
    assert same.asked == [["2105.00010"]]


def test_server_that_stops_answering_leaves_what_was_compared(same, sync, failures, monkeypatch):
    monkeypatch.setattr("catalog.arxiv.lookup.BATCH", 1)
    same.fail(lambda handler, body: handler.reply(body), failures.status(429), for_ever=True)
    trouble = report(sync("--json"), 1)["trouble"]
    assert list(trouble) == ["teal-2023-ripple"]
    assert "stopped answering" in trouble["teal-2023-ripple"]


def test_server_that_never_answers_is_an_error(same, sync, failures):
    same.fail(failures.status(500), for_ever=True)
    done = sync()
    assert (done.returncode, done.stdout) == (1, "")
    assert same.url in done.stderr


@pytest.mark.parametrize("name", ["teal-2023-ripple", "2302.00002"])
def test_only_the_papers_asked_for_are_compared(same, sync, name):
    assert sync("--ids", f"{name},").returncode == 0
    assert same.asked == [["2302.00002"]]


def test_unknown_paper_is_wrong_use(same, sync):
    done = sync("--ids", "nobody-2020-nothing")
    assert done.returncode == 2
    assert same.requests == []


def test_nothing_is_written(same, headatlas, manners, tmp_path):
    data = shutil.copytree(POND, tmp_path / "data")
    same.add("2302.00002", title="Ripples, Revised")
    headatlas("paper", "sync", "--data", data)
    assert {path.name: path.read_bytes() for path in data.iterdir()} == {
        path.name: path.read_bytes() for path in POND.iterdir()
    }
