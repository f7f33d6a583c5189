"""Text for people, the same everywhere: on one line, cut short, and who stands behind a summary."""

from __future__ import annotations

import re

from catalog.models import Summary

SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]+")
"""Space, line breaks, control characters, marks that reverse the direction of writing, and what XML cannot hold."""

LONGEST_EXCERPT = 80
"""Characters of a text that is quoted inside a sentence."""


def one_line(text: str) -> str:
    """Text on one line, without characters that steer a terminal, a reader's eye or a parser.

    Args:
        text: Any text.

    Returns:
        The text; every run of space, line breaks and control characters is one space, none at the ends.
    """
    return SPACE.sub(" ", text).strip()


def excerpt(text: str, longest: int = LONGEST_EXCERPT) -> str:
    """Beginning of a text, on one line.

    Args:
        text: Any text.
        longest: Characters that it may have.

    Returns:
        The text; what was cut off is an ellipsis.
    """
    line = one_line(text)
    return line if len(line) <= longest else line[: longest - 1] + "…"


def minus(number: str) -> str:
    """Number as text with a true minus sign.

    Args:
        number: As Python prints it, without an exponent.

    Returns:
        Such as "−0.5".
    """
    return number.replace("-", "−")


def authorship(summary: Summary) -> str:
    """Who wrote a summary, and whether somebody checked it.

    Args:
        summary: The summary.

    Returns:
        One sentence.
    """
    writer = f"This summary was written by a {summary.written_by}"
    if summary.reviewed_by:
        return f"{writer} and checked against the paper by {summary.reviewed_by}."
    reviewer = "a second person" if summary.written_by == "person" else "a person"
    return f"{writer} and has not yet been reviewed by {reviewer}."
