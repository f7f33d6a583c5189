"""One list of problems in three shapes: for people, for GitHub's annotations, and for other programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Any

from catalog.errors import Problem, Severity


class Shape(StrEnum):
    """How problems are printed."""

    TEXT = "text"
    GITHUB = "github"
    JSON = "json"


def count_errors(problems: Iterable[Problem]) -> int:
    """Number of problems that fail the check."""
    return sum(problem.code.severity is Severity.ERROR for problem in problems)


def report(problems: list[Problem], shape: Shape, counts: Mapping[str, int]) -> str:
    """Problems as text to print.

    Args:
        problems: The problems, in the order in which they should appear.
        shape: Wanted shape.
        counts: How many entries of each kind were checked.

    Returns:
        Lines; as JSON, one object with the problems and the counts.
    """
    return _SHAPES[shape](problems, counts)


def _as_text(problems: list[Problem], counts: Mapping[str, int]) -> str:
    if not problems:
        return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items()) + ": no problems"
    return "\n".join(map(str, problems))


def _as_json(problems: list[Problem], counts: Mapping[str, int]) -> str:
    return json.dumps({"problems": [_plain(problem) for problem in problems], **counts}, ensure_ascii=False)


def _plain(problem: Problem) -> dict[str, Any]:
    return asdict(problem) | {"severity": problem.code.severity, "documentation": problem.code.documentation}


def _as_annotations(problems: list[Problem], counts: Mapping[str, int]) -> str:
    return "\n".join(map(_annotation, problems)) or _as_text(problems, counts)


def _annotation(problem: Problem) -> str:
    """Workflow command that puts a problem beside its line in a pull request."""
    properties = {
        "file": _from_here(problem.file),
        "line": problem.line,
        "col": problem.column,
        "title": problem.code.value,
    }
    written = ",".join(f"{name}={_escaped(str(value), ':,')}" for name, value in properties.items())
    message = f"{problem.message} ({problem.mend}; see {problem.code.documentation})"
    return f"::{problem.code.severity} {written}::{_escaped(message)}"


def _from_here(file: str) -> str:
    """File as seen from the working folder, which is the top of the repository in a workflow."""
    path, here = Path(file), Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else file


def _escaped(text: str, further: str = "") -> str:
    """Text in which nothing can end the command or start another one."""
    for character in f"%\r\n{further}":
        text = text.replace(character, f"%{ord(character):02X}")
    return text


_SHAPES: dict[Shape, Callable[[list[Problem], Mapping[str, int]], str]] = {
    Shape.TEXT: _as_text,
    Shape.GITHUB: _as_annotations,
    Shape.JSON: _as_json,
}
