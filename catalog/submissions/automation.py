"""What the workflows of .github run for an issue: `python -m catalog.submissions.automation check FOLDER`.

The event is read from the file that GitHub names, never from a command line. Nothing that people wrote is printed,
because a runner reads commands from what is printed; it goes into files of the folder, and only our own words go into
the outputs of the step.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

from catalog.errors import FieldProblem, SubmissionError
from catalog.files import data_folder, write_text
from catalog.submissions.bodies import BODY
from catalog.submissions.forms import FORMS
from catalog.submissions.intake import take_in, write
from catalog.submissions.reports import (
    comment_on_problems,
    comment_on_submission,
    pull_request_body,
    pull_request_title,
)

LABEL = "accepted"
"""Label with which a maintainer accepts a submission."""
COMMENT, TITLE, TEXT = "comment.md", "title.txt", "body.md"


def check(event: dict[str, Any], folder: Path, data: Path | None = None) -> str:
    """Answer an issue that was opened or edited; an issue that has nothing of a form gets no answer.

    Args:
        event: The event, as GitHub describes it.
        folder: Where the comment goes.
        data: Folder with papers.yaml; left out, that of the clone.

    Returns:
        "answered" or "silent".

    Raises:
        CatalogError: the catalogue itself breaks rules or cannot be read.
    """
    body = event["issue"].get("body") or ""
    if not any(f"### {form.questions[0].label}" in body for form in FORMS):
        return "silent"
    try:
        comment = comment_on_submission(take_in(body, data=data))
    except SubmissionError as error:
        comment = comment_on_problems(error)
    write_text(folder / COMMENT, comment)
    return "answered"


def accept(event: dict[str, Any], issue: dict[str, Any], folder: Path, data: Path | None = None) -> str:
    """Take in an issue that a maintainer has accepted, read and checked once more as it stands now.

    Args:
        event: The event, as GitHub describes it.
        issue: The issue of today: its body and labels.
        folder: Where papers.yaml and the texts of the pull request go, or the comment.
        data: Folder with papers.yaml; left out, that of the clone.

    Returns:
        "changed", "refused", or "unchanged" where there is nothing to write.

    Raises:
        CatalogError: the catalogue itself breaks rules or cannot be read.
        OSError: papers.yaml cannot be written.
    """
    try:
        _refuse_change_since(event, issue)
        submission = take_in(issue.get("body") or "", data=data)
    except SubmissionError as error:
        write_text(folder / COMMENT, comment_on_problems(error))
        return "refused"
    if submission.papers is None:
        write_text(folder / COMMENT, "Accepted. There is nothing to write; it stays open until it is measured.\n")
        return "unchanged"
    write(submission, data=data)
    write_text(folder / "papers.yaml", (data_folder(data) / "papers.yaml").read_text(encoding="utf-8"))
    write_text(folder / TITLE, pull_request_title(submission) + "\n")
    write_text(folder / TEXT, pull_request_body(submission, int(event["issue"]["number"])))
    return "changed"


def _refuse_change_since(event: dict[str, Any], issue: dict[str, Any]) -> None:
    """Refuse an issue that is no longer what the maintainer saw."""
    if LABEL not in {label["name"] for label in issue["labels"]}:
        raise SubmissionError([FieldProblem(BODY, f"no longer carries the label '{LABEL}'")])
    if (issue.get("body") or "").split() != (event["issue"].get("body") or "").split():
        raise SubmissionError([FieldProblem(BODY, "was edited after it had been accepted; accept it again")])


def set_output(name: str, value: str) -> None:
    """Hand a value to the later steps, behind a delimiter that no text can guess.

    Args:
        name: Name of the output.
        value: Any text.
    """
    delimiter = f"end-{uuid4()}"
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as file:
        file.write(f"{name}<<{delimiter}\n{value}\n{delimiter}\n")


def main(arguments: list[str]) -> None:
    """Run one of the two steps.

    Args:
        arguments: "check FOLDER", or "accept FOLDER ISSUE" with the file of the issue as `gh issue view --json` prints
            it.
    """
    event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
    match arguments:
        case ["check", folder]:
            state = check(event, Path(folder))
        case ["accept", folder, issue]:
            state = accept(event, json.loads(Path(issue).read_text(encoding="utf-8")), Path(folder))
        case _:
            sys.exit("usage: check FOLDER | accept FOLDER ISSUE")
    set_output("state", state)


if __name__ == "__main__":
    main(sys.argv[1:])
