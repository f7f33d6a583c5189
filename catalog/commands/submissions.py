"""Commands of submissions by issue: paper forms, paper intake."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from catalog.commands.base import Data, Json, paper_app

if TYPE_CHECKING:
    from catalog.errors import SubmissionError
    from catalog.submissions.intake import Submission


@paper_app.command("forms")
def forms(
    is_check: Annotated[bool, typer.Option("--check", help="Say which committed forms are stale; exit 1.")] = False,
    is_write: Annotated[bool, typer.Option("--write", help="Bring the committed forms up to date.")] = False,
) -> None:
    """List, check or write the issue forms. Example: headatlas paper forms --check."""
    from catalog.files import project_folder
    from catalog.submissions import templates
    from catalog.submissions.forms import FORMS

    if not (is_check or is_write):
        for form in FORMS:
            typer.echo(f"{form.name}: {form.description}")
        return
    folder = project_folder() / templates.FOLDER
    names = templates.write_files(folder) if is_write else templates.stale_files(folder)
    for name in names:
        typer.echo(f"{name}: {'written' if is_write else 'stale; run: headatlas paper forms --write'}")
    mistakes = templates.all_mistakes()
    for mistake in mistakes:
        typer.echo(mistake)
    if mistakes or (names and not is_write):
        raise typer.Exit(1)


@paper_app.command("intake")
def intake(
    body: Annotated[Path, typer.Option(help="File with the text of the issue.", exists=True, dir_okay=False)],
    form: Annotated[str | None, typer.Option(help="Its form; left out, recognised.", show_default=False)] = None,
    is_write: Annotated[bool, typer.Option("--write", help="Change papers.yaml.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Check what came in by issue form, and take it in. Example: headatlas paper intake --body issue.md."""
    from catalog.errors import SubmissionError
    from catalog.submissions.intake import read_body, take_in, write
    from catalog.submissions.reports import report_problems, report_submission

    try:
        submission = take_in(read_body(body), data=data, form_name=form)
        if is_write:
            submission = write(submission, data=data)
    except SubmissionError as error:
        typer.echo(_problems_as_json(error) if as_json else report_problems(error))
        raise typer.Exit(1) from None
    typer.echo(_as_json(submission) if as_json else report_submission(submission))
    if not as_json:
        typer.echo(_outcome(submission, is_write), err=True)


def _outcome(submission: Submission, is_write: bool) -> str:
    if submission.papers is None:
        return "valid; there is nothing to write"
    return "valid; papers.yaml was changed" if is_write else "valid; nothing was written (--write changes papers.yaml)"


def _problems_as_json(error: SubmissionError) -> str:
    problems = [asdict(problem) for problem in error.problems]
    return json.dumps({"valid": False, "problems": problems, "understood": error.understood}, ensure_ascii=False)


def _as_json(submission: Submission) -> str:
    facts = {name: getattr(submission, name) for name in ("form", "title", "paper_id", "entry", "changes", "notes")}
    return json.dumps({"valid": True, "problems": [], **facts}, ensure_ascii=False)
