"""JSON files with one record each, which must lie where their content says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from catalog.errors import Code, DataFolderError, InvalidDataError, Problem
from catalog.models import Record

AnyRecord = TypeVar("AnyRecord", bound=Record)


def dump_record(record: Record) -> str:
    """A record as JSON with one line a row of a matrix, so that a changed score is a changed line.

    Args:
        record: The record.

    Returns:
        JSON, indented; fields without a value are left out.
    """
    return _dump(record.model_dump(mode="json", exclude_none=True), "") + "\n"


def _dump(value: object, indent: str) -> str:
    inner = indent + "  "
    if isinstance(value, dict) and value:
        parts = [f"{inner}{json.dumps(name, ensure_ascii=False)}: {_dump(part, inner)}" for name, part in value.items()]
        return "{\n" + ",\n".join(parts) + f"\n{indent}}}"
    if isinstance(value, list) and value and isinstance(value[0], list | dict):
        return "[\n" + ",\n".join(f"{inner}{_dump(part, inner)}" for part in value) + f"\n{indent}]"
    return json.dumps(value, ensure_ascii=False)


def read_record(path: Path, kind: type[AnyRecord]) -> AnyRecord:
    """Read one record.

    Args:
        path: Its JSON file.
        kind: Model that the file should follow.

    Returns:
        The record.

    Raises:
        InvalidDataError: the file does not follow the model; names the file and every field at fault.
        DataFolderError: the file cannot be read.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataFolderError(path, f"cannot be read ({error.strerror})") from error
    except ValidationError as error:
        raise InvalidDataError(
            Problem(
                file=str(path),
                line=1,
                column=1,
                code=Code.BAD_VALUE,
                message=f"{'.'.join(map(str, part['loc'])) or 'the file'}: {part['msg']}",
                mend="measure it again, or delete the file",
            )
            for part in error.errors(include_url=False)
        ) from error


def earlier_record(path: Path, kind: type[AnyRecord]) -> AnyRecord | None:
    """The record that a file holds, or None if there is no file or nothing valid in it."""
    try:
        return read_record(path, kind) if path.exists() else None
    except InvalidDataError:
        return None


def read_records(folder: Path, kind: type[AnyRecord], home: Callable[[Path, AnyRecord], Path]) -> list[AnyRecord]:
    """Read every record below a folder, in order of path.

    Args:
        folder: Folder of the records; one that does not exist holds none.
        kind: Model that the files should follow.
        home: Where below the folder a record belongs.

    Returns:
        The records.

    Raises:
        InvalidDataError: a file does not follow the model, or does not lie where its content says.
        DataFolderError: a file cannot be read.
    """
    records, problems = [], []
    for path in sorted(folder.rglob("*.json")):
        try:
            record = read_record(path, kind)
        except InvalidDataError as error:
            problems += error.problems
            continue
        where = home(folder, record)
        if where != path:
            problems.append(Problem(str(path), 1, 1, Code.BAD_VALUE, "lies in the wrong place", f"move it to {where}"))
        records.append(record)
    if problems:
        raise InvalidDataError(problems)
    return records
