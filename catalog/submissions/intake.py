"""From the body of an issue to a checked change of the catalogue, or to every reason against it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from difflib import unified_diff
from pathlib import Path
from tempfile import TemporaryDirectory

from catalog import dates
from catalog.canonical.formatting import dump_entry, insert_paper, replace_paper
from catalog.documents import Location, parse_document
from catalog.errors import FieldProblem, InvalidDataError, Problem, Severity, SubmissionError
from catalog.files import changing_data, data_folder, own_folder, write_text
from catalog.registry import Registry
from catalog.submissions import adding, forms
from catalog.submissions.adding import add_paper
from catalog.submissions.bodies import BODY, LONGEST_BODY, normalise, parse, recognise
from catalog.submissions.changing import correct_paper, report_claim
from catalog.submissions.outcomes import Outcome
from catalog.submissions.questions import Form
from catalog.submissions.reading import Reader
from catalog.submissions.requesting import request_probe


@dataclass(frozen=True)
class Submission:
    """A submission that can be taken in."""

    form: str
    title: str
    """What it does, in one line."""
    entry: str
    """The entry as it would stand in the file, or the request, as YAML."""
    paper_id: str | None = None
    papers: str | None = None
    """The whole of papers.yaml with the change; None if nothing is to be written."""
    changes: str = ""
    """The change as a unified diff."""
    notes: list[str] = field(default_factory=list)
    is_new: bool = False
    """Whether it adds an entry; else it changes one, or writes nothing."""
    body: str = ""
    """Text of the issue."""
    today: date = date.min
    """Day on which a new entry joins the catalogue."""
    before: str = ""
    """The whole of papers.yaml as it was read."""


def read_body(path: Path) -> str:
    """Text of an issue from a file.

    Args:
        path: The file.

    Returns:
        The text as it stands there.

    Raises:
        SubmissionError: too long, or not UTF-8.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(4 * LONGEST_BODY + 1)
    if len(content) > 4 * LONGEST_BODY:
        raise SubmissionError([FieldProblem(BODY, f"is longer than the {LONGEST_BODY:,} characters of an issue")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SubmissionError([FieldProblem(BODY, "is not UTF-8; save the file as UTF-8")]) from error


def take_in(
    body: str, *, data: Path | None = None, form_name: str | None = None, today: date | None = None
) -> Submission:
    """Read the body of an issue and check what it would change; nothing is written.

    Args:
        body: Text of the issue.
        data: Folder with papers.yaml; left out, the one that catalog.files.data_folder finds.
        form_name: Form that it was made with; left out, recognised from the first heading.
        today: Day on which a new entry joins the catalogue; left out, today in UTC.

    Returns:
        The submission.

    Raises:
        SubmissionError: with every problem by field label.
        UnknownIdError: there is no form of this name.
        InvalidDataError: the catalogue itself breaks rules.
        DataFolderError: the folder or a file in it cannot be read.
    """
    text, today = normalise(body), today or dates.today()
    form = forms.form_named(form_name) if form_name is not None else recognise(text)
    answers = parse(form, text)
    folder = data_folder(data)
    outcome = _TAKERS[form.name](Reader(form, answers, Registry.load(folder), today))
    if outcome.paper is None:
        return Submission(form.name, outcome.title, outcome.entry, notes=list(outcome.notes))
    old = _read_papers(folder)
    new = insert_paper(old, outcome.paper) if outcome.is_new else replace_paper(old, outcome.paper)
    _check_whole(form, new, folder, today)
    lines = unified_diff(old.splitlines(), new.splitlines(), "data/papers.yaml", "data/papers.yaml", lineterm="")
    changes = "".join(f"{line}\n" for line in lines)
    entry = dump_entry(outcome.paper)
    return Submission(
        form.name,
        outcome.title,
        entry,
        outcome.paper.id,
        new,
        changes,
        list(outcome.notes),
        outcome.is_new,
        text,
        today,
        old,
    )


def _read_papers(folder: Path) -> str:
    return (folder / "papers.yaml").read_bytes().decode("utf-8")


def write(submission: Submission, *, data: Path | None = None) -> Submission:
    """Change papers.yaml, in one step; a submission that changes nothing leaves it alone.

    Args:
        submission: What to take in.
        data: Folder with papers.yaml; left out, the one that catalog.files.own_folder finds.

    Returns:
        What was taken in: read and checked once more if papers.yaml has changed in the meantime.

    Raises:
        SubmissionError: papers.yaml has changed in the meantime, and the submission does not fit it any more.
        DataFolderError: the folder holds no papers.yaml, or is the copy in the package.
        BusyDataError: another process changes the data files and does not finish.
        OSError: papers.yaml cannot be written; it is as it was.
    """
    if submission.papers is None:
        return submission
    folder = own_folder(data)
    with changing_data():
        if _read_papers(folder) != submission.before:
            submission = take_in(submission.body, data=folder, form_name=submission.form, today=submission.today)
        if submission.papers is not None:
            write_text(folder / "papers.yaml", submission.papers)
    return submission


def _check_whole(form: Form, papers: str, folder: Path, today: date) -> None:
    """Check the changed file with everything around it, as `paper validate` does."""
    with TemporaryDirectory() as place:
        for path in folder.iterdir():
            if path.name != "papers.yaml":
                Path(place, path.name).symlink_to(path.resolve())
        Path(place, "papers.yaml").write_bytes(papers.encode("utf-8"))
        errors = _errors(Path(place), today)
    if not errors:
        return
    if own_errors := _errors(folder, today):
        raise InvalidDataError(own_errors)
    labels = _labels_by_line(form, papers)
    raise SubmissionError(
        FieldProblem(
            labels.get(error.line, BODY) if Path(error.file).name == "papers.yaml" else BODY,
            f"{error.message} ({error.mend})",
        )
        for error in errors
    )


def _errors(folder: Path, today: date) -> list[Problem]:
    """All that makes `paper validate` refuse a folder."""
    _, problems = Registry.inspect(folder, today)
    return [problem for problem in problems if problem.code.severity is Severity.ERROR]


def _labels_by_line(form: Form, papers: str) -> dict[int, str]:
    """Label of the question that a line of papers.yaml would come from, as far as that is known."""
    document = parse_document(papers, "papers.yaml")
    return {mark.line: _label_of(form, path[1:]) for path, mark in document.values.items() if len(path) > 1}


def _label_of(form: Form, path: Location) -> str:
    changed = {forms.CORRECT.name: "value", forms.CLAIM.name: "statement"}
    ways = [tuple(map(str, path[:length])) for length in (2, 1)]
    questions = [adding.QUESTIONS[way] for way in ways if way in adding.QUESTIONS]
    question = changed.get(form.name) or next(iter(questions), None)
    return form.question(question).label if question else BODY


_TAKERS: dict[str, Callable[[Reader], Outcome]] = {
    forms.ADD.name: add_paper,
    forms.CORRECT.name: correct_paper,
    forms.CLAIM.name: report_claim,
    forms.PROBE.name: request_probe,
}
