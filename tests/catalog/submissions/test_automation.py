import json
import subprocess
import sys

import pytest

from catalog.submissions import automation
from catalog.submissions.automation import accept, check, main
from catalog.submissions.reports import comment_on_submission, pull_request_body, pull_request_title


def event_of(body, number=7):
    return {"action": "opened", "issue": {"number": number, "title": "$(reboot)", "body": body}}


def issue_of(body, *labels):
    return {"body": body, "labels": [{"name": name} for name in labels]}


def test_a_right_submission_is_answered_with_its_entry(make_body, pond, tmp_path):
    before = (pond / "papers.yaml").read_bytes()
    assert check(event_of(make_body("add-a-paper")), tmp_path, pond) == "answered"
    comment = (tmp_path / "comment.md").read_text()
    assert "a maintainer looks at it next" in comment
    assert "```yaml\n- id: coot-2024-sonar\n" in comment
    assert (pond / "papers.yaml").read_bytes() == before


def test_a_wrong_submission_is_answered_with_its_problems(make_body, pond, tmp_path):
    assert check(event_of(make_body("add-a-paper", title=None, link="x")), tmp_path, pond) == "answered"
    comment = (tmp_path / "comment.md").read_text()
    assert "2 things need a change" in comment
    assert "Title: is missing" in comment


@pytest.mark.parametrize("body", [None, "", "A question about heads."])
def test_an_issue_without_a_form_gets_no_answer(body, pond, tmp_path):
    assert check(event_of(body), tmp_path, pond) == "silent"
    assert list(tmp_path.glob("*.md")) == []


def test_a_comment_mentions_nobody_and_its_fence_holds(make_body, submit, pond, tmp_path):
    check(event_of(make_body("add-a-paper", head_types="@everyone\n````\n@team\n```")), tmp_path, pond)
    lines = (tmp_path / "comment.md").read_text().splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("```"))
    fence = lines[first].removesuffix("text")
    assert [number for number, line in enumerate(lines) if line == fence] == [len(lines) - 1]
    assert "@" not in "".join(lines[:first])


def test_a_long_comment_is_cut(make_body, submit):
    heads = ", ".join(f"L{layer}H{head}" for layer in range(60) for head in range(60))[:19_990].rpartition(",")[0]
    submission = submit(make_body("report-a-claim", heads=heads, scores=None, measure=None))
    assert len(comment_on_submission(submission)) < 65_536


def test_an_accepted_submission_becomes_a_change_and_the_texts_of_its_pull_request(make_body, pond, tmp_path):
    body = make_body("add-a-paper")
    folder = tmp_path / "submission"
    assert accept(event_of(body), issue_of(body.replace("\n", "\r\n"), "accepted"), folder, pond) == "changed"
    assert sorted(path.name for path in folder.iterdir()) == ["body.md", "papers.yaml", "title.txt"]
    assert "coot-2024-sonar" in (folder / "papers.yaml").read_text()
    assert (folder / "papers.yaml").read_text() == (pond / "papers.yaml").read_text()
    assert (folder / "title.txt").read_text() == "Add Sonar Heads in Deep Lakes\n"
    assert (folder / "body.md").read_text().startswith("Closes #7, ")


@pytest.mark.parametrize(
    ("now", "labels", "reason"),
    [
        ("Sonar Heads in Deeper Lakes", ["accepted"], "was edited after it had been accepted"),
        ("Sonar Heads in Deep Lakes", ["submission"], "no longer carries the label 'accepted'"),
        ("Echo Heads in Small Ponds", None, "stands in the catalogue already"),
    ],
    ids=["edited", "label-gone", "no-longer-valid"],
)
def test_what_may_not_be_accepted_changes_nothing(make_body, pond, tmp_path, now, labels, reason):
    before = (pond / "papers.yaml").read_bytes()
    body = make_body("add-a-paper", title=now)
    seen = make_body("add-a-paper") if labels else body
    folder = tmp_path / "submission"
    assert accept(event_of(seen), issue_of(body, *(labels or ["accepted"])), folder, pond) == "refused"
    assert reason in (folder / "comment.md").read_text()
    assert (pond / "papers.yaml").read_bytes() == before


def test_an_accepted_request_writes_nothing(make_body, pond, tmp_path):
    body = make_body("request-a-probe")
    assert accept(event_of(body), issue_of(body, "accepted"), tmp_path / "out", pond) == "unchanged"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["comment.md"]


def test_a_title_mentions_nobody_and_closes_nothing(make_body, submit):
    title = "Fixes #12: @octocat closes https://github.com/a/b/issues/3 and resolves GH-4 `code`"
    line = pull_request_title(submit(make_body("add-a-paper", title=title)))
    assert not set("@#`\n") & set(line)
    assert "GH-4" not in line
    assert "closes" not in line.lower().split()
    assert len(pull_request_title(submit(make_body("add-a-paper", title="Word " * 59)))) <= 120


def test_a_pull_request_shows_a_correction_as_a_difference(make_body, submit):
    text = pull_request_body(submit(make_body("correct-a-paper", source="@octocat said so")), 7)
    assert text.startswith("Closes #7, where a maintainer accepted it.\n\n```diff\n")
    assert "+  venue: PondConf 2021" in text


def test_outputs_stand_behind_a_delimiter_that_nobody_can_guess(tmp_path, monkeypatch):
    path = tmp_path / "output"
    monkeypatch.setenv("GITHUB_OUTPUT", str(path))
    automation.set_output("a", "one\nb=two")
    automation.set_output("a", "one")
    first, *lines = path.read_text().splitlines()
    assert lines[:3] == ["one", "b=two", first.removeprefix("a<<")]
    assert lines[3] != first


def test_the_steps_read_the_event_file_and_print_nothing(make_body, pond, tmp_path, monkeypatch, capsys):
    body = make_body("add-a-paper", venue="::add-mask::x")
    for name, content in {"event.json": event_of(body), "issue.json": issue_of(body, "accepted")}.items():
        (tmp_path / name).write_text(json.dumps(content))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event.json"))
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    monkeypatch.setenv("HEADATLAS_DATA", str(pond))
    main(["check", str(tmp_path / "check")])
    main(["accept", str(tmp_path / "accept"), str(tmp_path / "issue.json")])
    states = [
        line for line in (tmp_path / "output").read_text().splitlines() if not line.startswith(("state<<", "end-"))
    ]
    assert states == ["answered", "changed"]
    assert capsys.readouterr() == ("", "")


def test_the_module_runs_as_the_workflows_run_it(tmp_path):
    (tmp_path / "event.json").write_text(json.dumps(event_of("Hello.")))
    environment = {"GITHUB_EVENT_PATH": str(tmp_path / "event.json"), "GITHUB_OUTPUT": str(tmp_path / "output")}
    done = subprocess.run(
        [sys.executable, "-m", "catalog.submissions.automation", "check", tmp_path],
        capture_output=True,
        encoding="utf-8",
        env=environment,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "\nsilent\n" in (tmp_path / "output").read_text()


def test_the_module_refuses_an_unknown_step(tmp_path, monkeypatch):
    (tmp_path / "event.json").write_text("{}")
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event.json"))
    with pytest.raises(SystemExit, match="usage"):
        main(["write"])
