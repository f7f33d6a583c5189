"""YAML files with the place of every value: read without guessing types, and checked against a model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from catalog.errors import Code, DataFolderError, Problem
from catalog.ids import Unquoted

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[str | int, ...]
"""Way to a value inside a document: keys and list positions from the top."""
DISCRIMINATOR = "form"
"""Field that tells the members of a union of models apart."""


class Mark(NamedTuple):
    """Place in a file, both counted from 1."""

    line: int
    column: int


_UNREADABLE = {Code.SYNTAX, Code.NOT_A_LIST, Code.REFERENCE, Code.CONFLICT}


@dataclass
class Document:
    """One YAML file: its values as plain Python, where each stands, and what is wrong with it."""

    file: str
    data: Any
    keys: dict[Location, Mark]
    values: dict[Location, Mark]
    problems: list[Problem]

    @property
    def is_broken(self) -> bool:
        """Whether the file could not be read at all, so that nothing is known about its entries."""
        return any(problem.code in _UNREADABLE for problem in self.problems)

    def entries(self) -> list[tuple[int, dict[str, Any]]]:
        """Position and content of every top-level entry that is a mapping."""
        entries = self.data if isinstance(self.data, list) else []
        return [(position, entry) for position, entry in enumerate(entries) if isinstance(entry, dict)]

    def texts(self, field: str) -> list[tuple[Location, str]]:
        """Every text in one field of the entries, with the way to it.

        Args:
            field: Name of a field of the entries.

        Returns:
            Ways and texts, in the order of the file; values that are not text are left out.
        """
        return [
            ((position, field), entry[field]) for position, entry in self.entries() if isinstance(entry.get(field), str)
        ]

    def problem(self, path: Location, code: Code, message: str, mend: str, *, at_key: bool = False) -> Problem:
        """Problem at a value, or at the nearest thing around it that stands in the file.

        Args:
            path: Way to the value.
            code: Rule that it breaks.
            message: What is wrong.
            mend: What to do.
            at_key: Point at the key in place of the value.

        Returns:
            The problem with line and column.
        """
        marks = self.keys if at_key else self.values
        while path and path not in marks:
            path, marks = path[:-1], self.values
        line, column = marks.get(path, Mark(1, 1))
        return Problem(self.file, line, column, code, message, mend)


def read_document(path: Path, *, is_optional: bool = False) -> Document:
    """Read a YAML file whose top level is a list; every scalar stays text.

    Args:
        path: The file.
        is_optional: A file that is not there counts as an empty one.

    Returns:
        The document. Syntax errors, repeated keys and a wrong top level are among its problems.

    Raises:
        DataFolderError: the file cannot be read.
    """
    if is_optional and not path.exists():
        return parse_document("", str(path))
    try:
        return parse_document(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise DataFolderError(path, f"cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        mark = _mark_at(error.object[: error.start].decode())
        problem = Problem(str(path), *mark, Code.SYNTAX, "is not UTF-8", "save the file as UTF-8")
        return Document(str(path), [], {}, {}, [problem])


def parse_document(text: str, file: str) -> Document:
    """Read the text of a YAML file whose top level is a list; every scalar stays text.

    Args:
        text: The content of the file.
        file: Its name, for problems.

    Returns:
        The document. Syntax errors, repeated keys and a wrong top level are among its problems.
    """
    document = Document(file, [], {}, {}, [])
    if text.startswith("\ufeff"):
        message, mend = "begins with a byte-order mark", "save the file as UTF-8 without one"
        document.problems.append(Problem(file, 1, 1, Code.SYNTAX, message, mend))
        return document
    conflict = conflict_line(text)
    if conflict is not None:
        message, mend = "git left both sides of a merge here", "run headatlas paper format, which joins them"
        document.problems.append(Problem(file, conflict, 1, Code.CONFLICT, message, mend))
        return document
    try:
        _Builder(text, document).build()
    except (yaml.YAMLError, RecursionError) as error:
        document.data = []
        document.problems = [_syntax_problem(text, file, error)]
    if document.is_broken:
        document.data = []
        return document
    if not isinstance(document.data, list):
        document.data = []
        document.problems.append(
            document.problem((), Code.NOT_A_LIST, "is not a list", "start each entry with '- id:'")
        )
    return document


def conflict_line(text: str) -> int | None:
    """Line of the first conflict marker that git left in a file.

    Args:
        text: The content of the file.

    Returns:
        The line, counted from 1; None if there is no conflict.
    """
    marker = re.search(r"^<{7}(?: |\r?$)", text, re.MULTILINE) if "<<<<<<<" in text else None
    return text.count("\n", 0, marker.start()) + 1 if marker else None


def _syntax_problem(text: str, file: str, error: Exception) -> Problem:
    mark, message, mend = Mark(1, 1), str(error), "mend the YAML"
    if isinstance(error, yaml.reader.ReaderError):
        character = chr(error.character)
        mark = _mark_at(text.partition(character)[0])
        message, mend = f"holds the character {character!r}, which YAML does not allow", "delete it"
    elif isinstance(error, RecursionError):
        message, mend = "is nested too deeply", "write it with fewer levels"
    elif isinstance(error, yaml.MarkedYAMLError):
        place = error.problem_mark or error.context_mark
        mark = Mark(place.line + 1, place.column + 1) if place else mark
        message, mend = error.problem or "cannot be parsed", "mend the YAML here or above"
    return Problem(file, *mark, Code.SYNTAX, message, mend)


def _mark_at(text_before: str) -> Mark:
    return Mark(text_before.count("\n") + 1, len(text_before) - text_before.rfind("\n"))


class _Builder:
    """Values of a document, made from the events of YAML's parser: no tree in between, and no aliases to expand."""

    def __init__(self, text: str, document: Document) -> None:
        self.loader = Loader(text)
        self.document = document

    def build(self) -> None:
        """Fill the document.

        Raises:
            yaml.YAMLError: the text is not YAML, or more than one document.
            RecursionError: it is nested too deeply.
        """
        try:
            self.loader.get_event()
            event = self.loader.get_event()
            if isinstance(event, yaml.StreamEndEvent):
                return
            self.document.data = self._value(self.loader.get_event(), ())
            self.loader.get_event()
            event = self.loader.get_event()
            if not isinstance(event, yaml.StreamEndEvent):
                raise yaml.composer.ComposerError(problem="another document starts here", problem_mark=event.start_mark)
        finally:
            self.loader.dispose()

    def _value(self, event: Any, path: Location) -> Any:
        mark = event.start_mark
        self.document.values[path] = Mark(mark.line + 1, mark.column + 1)
        kind = type(event)
        if kind is yaml.AliasEvent or event.anchor is not None or event.tag is not None:
            self._refuse(event)
        if kind is yaml.ScalarEvent:
            return _scalar(event)
        if kind is yaml.MappingStartEvent:
            return self._mapping(path)
        return self._sequence(path) if kind is yaml.SequenceStartEvent else None

    def _sequence(self, path: Location) -> list[Any]:
        items: list[Any] = []
        while type(event := self.loader.get_event()) is not yaml.SequenceEndEvent:
            items.append(self._value(event, (*path, len(items))))
        return items

    def _mapping(self, path: Location) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while type(event := self.loader.get_event()) is not yaml.MappingEndEvent:
            key = self._key(event, path)
            here = (*path, key)
            mark = Mark(event.start_mark.line + 1, event.start_mark.column + 1)
            if key in mapping:
                self._pass_over(key, mark, here)
                continue
            self.document.keys[here] = mark
            mapping[key] = self._value(self.loader.get_event(), here)
        return mapping

    def _key(self, event: Any, path: Location) -> str:
        """Name of a field; what YAML would not read as text is refused."""
        is_bare = type(event) is yaml.ScalarEvent and event.anchor is None and event.tag is None
        key = _scalar(event) if is_bare else self._value(event, path)
        if type(key) is not str and type(event) is not yaml.AliasEvent:  # aliases are refused already
            mark = Mark(event.start_mark.line + 1, event.start_mark.column + 1)
            self._add(mark, Code.SYNTAX, "a key is not text", "write the name of a field in front of the colon")
        return str(key)

    def _pass_over(self, key: str, mark: Mark, path: Location) -> None:
        """Read the value of a repeated key without keeping it."""
        message = f"key '{key}' stands here for the second time (first in line {self.document.keys[path].line})"
        self._add(mark, Code.DUPLICATE_KEY, message, "keep one of the two")
        kept = {**self.document.values}, {**self.document.keys}
        self._value(self.loader.get_event(), path)
        self.document.values, self.document.keys = kept

    def _refuse(self, event: Any) -> None:
        """Anchors, aliases and tags: a few bytes of them can stand for gigabytes, or for objects of Python."""
        is_alias = type(event) is yaml.AliasEvent
        what = "an alias (*)" if is_alias else "an anchor (&)" if event.anchor is not None else "a tag (!)"
        mark = Mark(event.start_mark.line + 1, event.start_mark.column + 1)
        mend = "write the value out; if it is text, put it in quotes"
        self._add(mark, Code.REFERENCE, f"{what} is not allowed", mend)

    def _add(self, mark: Mark, code: Code, message: str, mend: str) -> None:
        self.document.problems.append(Problem(self.document.file, *mark, code, message, mend))


def _scalar(event: Any) -> str | None:
    """Text of a scalar; None for null, Unquoted where YAML would have read something else than text."""
    value: str = event.value
    if event.style:  # None from the parser in Python for a plain scalar, empty from the one in C
        return value
    for tag, pattern in Loader.yaml_implicit_resolvers.get(value[:1], ()):
        if pattern.match(value):
            return None if tag == "tag:yaml.org,2002:null" else Unquoted(value)
    return value


def validate_entries(document: Document, model: type[Model]) -> Iterator[Model]:
    """Turn every entry of a document into a record; what is wrong joins the document's problems.

    Args:
        document: The document.
        model: Kind of record that each entry should be.

    Yields:
        The records that are right.
    """
    entries = document.data if isinstance(document.data, list) else []
    for position, entry in enumerate(entries):
        try:
            yield model.model_validate(entry)
        except ValidationError as error:
            document.problems += [_field_problem(document, position, part) for part in error.errors(include_url=False)]


def _field_problem(document: Document, position: int, part: Any) -> Problem:
    path = _without_union_tags(document, (position, *part["loc"]))
    if part["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        path = (*path, DISCRIMINATOR)
    field = ".".join(map(str, path[1:])) or "entry"
    if part["type"] == "extra_forbidden":
        mend = "delete it, or correct its spelling"
        return document.problem(path, Code.UNKNOWN_FIELD, f"unknown field '{field}'", mend, at_key=True)
    if part["type"] in {"missing", "union_tag_not_found"}:
        return document.problem(path, Code.MISSING_FIELD, f"field '{field}' is missing", "add it")
    message = part["msg"].removeprefix("Value error, ")
    code = Code.UNQUOTED if isinstance(part["input"], Unquoted) and "unquoted" in message else Code.BAD_VALUE
    return document.problem(path, code, f"{field}: {message}", _mend_for(part, code))


def _mend_for(part: Any, code: Code) -> str:
    if code is Code.UNQUOTED:
        return "put it in quotes"
    if "pattern" in part.get("ctx", {}):
        return f"'{part['input']}' does not have the form of this field; compare a neighbouring entry"
    return "correct the value"


def _without_union_tags(document: Document, path: Location) -> Location:
    """Path without the names of union members, which pydantic adds and which do not stand in the file."""
    kept: Location = ()
    around: Any = document.data
    for index, step in enumerate(path):
        if _is_union_tag(around, path, index):
            continue
        kept = (*kept, step)
        around = _inside(around, step)
    return kept


def _is_union_tag(around: Any, path: Location, index: int) -> bool:
    """Whether a step names a union member; as the last step it may also be the field of that name."""
    if index < 2 or not isinstance(path[index - 1], int) or not isinstance(around, dict):
        return False
    is_last = index == len(path) - 1
    return path[index] == around.get(DISCRIMINATOR) and not (is_last and path[index] in around)


def _inside(around: Any, step: str | int) -> Any:
    try:
        return around[step]
    except (KeyError, IndexError, TypeError):
        return None
