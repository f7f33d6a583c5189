"""Answers to people who submitted something, in plain text and as comments of GitHub."""

from __future__ import annotations

import re
import textwrap

from catalog.errors import SubmissionError
from catalog.submissions.intake import Submission

LONGEST_COMMENT = 60_000
"""Characters of a comment; GitHub permits some more."""
_CLOSING = re.compile(r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?)\b:?(?=\s*(?:\S*#|GH-|https?:))", re.IGNORECASE)


def report_problems(error: SubmissionError) -> str:
    """Every problem by field label, with what could stand there, then what was understood.

    Args:
        error: The refusal.

    Returns:
        Lines of plain text.
    """
    lines: list[str] = []
    for problem in error.problems:
        lines.append(str(problem))
        if problem.snippet:
            lines += ["  for instance:", textwrap.indent(problem.snippet.rstrip("\n"), "    ")]
    if error.understood:
        lines += ["", "What was understood:"]
        lines += [f"  {label}: {excerpt or '(nothing)'}" for label, excerpt in error.understood.items()]
    return "\n".join(lines)


def report_submission(submission: Submission) -> str:
    """The entry as YAML; for a change of an entry, the difference.

    Args:
        submission: What can be taken in.

    Returns:
        Lines of plain text; notes stand in front as YAML comments.
    """
    is_change = submission.papers is not None and not submission.is_new
    notes = "".join(f"# {' '.join(note.split())}\n" for note in submission.notes)
    return notes + (submission.changes if is_change else submission.entry).rstrip("\n")


def comment_on_problems(error: SubmissionError) -> str:
    """Comment that refuses a submission.

    Args:
        error: The refusal.

    Returns:
        Markdown; what people wrote stands in a fence, where it can mention nobody.
    """
    count = len(error.problems)
    head = f"This cannot be taken in yet: {count} {'thing needs' if count == 1 else 'things need'} a change. "
    return head + "Edit the issue above; it is then checked again.\n\n" + _fenced(report_problems(error), "text")


def comment_on_submission(submission: Submission) -> str:
    """Comment that says a submission is in order.

    Args:
        submission: What can be taken in.

    Returns:
        Markdown; what people wrote stands in a fence, where it can mention nobody.
    """
    what = "The entry would read:" if submission.is_new else "It would come to:"
    head = "Thank you. This can be taken in; a maintainer looks at it next and accepts it with a label. "
    return f"{head}{what}\n\n" + _fenced(report_submission(submission), "yaml")


def pull_request_title(submission: Submission) -> str:
    """Title of the pull request, which mentions nobody and closes nothing.

    Args:
        submission: What is taken in.

    Returns:
        One line of at most 120 characters.
    """
    line = _CLOSING.sub("", " ".join(submission.title.split()))
    line = " ".join(re.sub(r"[@#`<>]|GH-(?=\d)", "", line).split())
    return line if len(line) <= 120 else line[:119] + "…"


def pull_request_body(submission: Submission, issue: int) -> str:
    """Text of the pull request.

    Args:
        submission: What is taken in.
        issue: Number of the issue.

    Returns:
        Markdown.
    """
    return f"Closes #{issue}, where a maintainer accepted it.\n\n" + _fenced(report_submission(submission), "diff")


def _fenced(text: str, language: str) -> str:
    """Text in a fence that nothing in it can close."""
    text = text if len(text) <= LONGEST_COMMENT else f"{text[:LONGEST_COMMENT]}\n(the rest is left out)"
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text}\n{fence}\n"
