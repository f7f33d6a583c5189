"""Commands that check the data files and bring them in form: paper validate, format, schema, release."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from catalog.commands.base import Data, Json, load_registry, paper_app
from catalog.reports import Shape

if TYPE_CHECKING:
    from catalog.errors import Problem


@paper_app.command("validate")
def validate(
    data: Data = None,
    shape: Annotated[
        Shape, typer.Option("--format", help="Print for people, for GitHub or for machines.")
    ] = Shape.TEXT,
    as_json: Json = False,
) -> None:
    """Check the data files and report every problem. Example: headatlas paper validate --format github."""
    from catalog.registry import Registry
    from catalog.reports import count_errors, report

    registry, problems = Registry.inspect(data)
    counts = {kind: len(getattr(registry, kind)) for kind in ("papers", "head_types", "relations", "runs")}
    shape = Shape.JSON if as_json else shape
    typer.echo(report(problems, shape, counts))
    n_errors = count_errors(problems)
    if problems and shape is Shape.TEXT:
        n_warnings = len(problems) - n_errors
        typer.echo(f"{len(problems)} problem(s)" + (f", {n_warnings} only to look at" if n_warnings else ""), err=True)
    if n_errors:
        raise typer.Exit(1)


@paper_app.command("format")
def format_files(
    data: Data = None,
    is_check: Annotated[
        bool, typer.Option("--check", help="Change nothing; name the files that would change.")
    ] = False,
) -> None:
    """Bring the data files in canonical form and settle merges. Example: headatlas paper format --check."""
    from catalog.files import changing_data, data_folder, own_folder, write_text

    folder = data_folder(data) if is_check else own_folder(data)
    with nullcontext() if is_check else changing_data():
        changed = _not_canonical(folder)
        for path, after in changed.items():
            if not is_check:
                write_text(path, after)
            typer.echo(f"{'would change' if is_check else 'changed'} {path}")
    if changed and is_check:
        raise typer.Exit(1)


def _not_canonical(folder: Path) -> dict[Path, str]:
    """Canonical content of the data files that have another one.

    Raises:
        InvalidDataError: with what keeps any of them from being formatted.
    """
    from catalog.canonical.formatting import format_text
    from catalog.canonical.layout import styled_files
    from catalog.errors import InvalidDataError

    changed: dict[Path, str] = {}
    problems: list[Problem] = []
    for path, style in styled_files(folder):
        try:
            before = _read(path)
            after = format_text(before, style, str(path))
        except InvalidDataError as error:
            problems += error.problems
            continue
        if after != before:
            changed[path] = after
    if problems:
        raise InvalidDataError(problems)
    return changed


def _read(path: Path) -> str:
    """Content of a data file with the line ends that it has."""
    from catalog.documents import read_document
    from catalog.errors import InvalidDataError

    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidDataError(read_document(path).problems) from None


@paper_app.command("schema")
def schema(
    name: Annotated[
        str, typer.Argument(help="papers, head_types, left_out, tombstones, released, relation, run, effect.")
    ] = "papers",
    is_written: Annotated[bool, typer.Option("--write", help="Write every schema to data/schema.")] = False,
    data: Data = None,
) -> None:
    """Print the JSON Schema of a data file. Example: headatlas paper schema head_types."""
    from catalog.errors import UnknownIdError
    from catalog.files import changing_data, own_folder, write_text
    from catalog.json_schema import CONTENTS, dump_schema, schema_files

    if name not in CONTENTS:
        raise UnknownIdError("schema", name, CONTENTS)
    if not is_written:
        typer.echo(dump_schema(name), nl=False)
        return
    folder = own_folder(data)
    with changing_data():
        for path, text in schema_files(folder).items():
            write_text(path, text)
            typer.echo(path)


@paper_app.command("release")
def release(data: Data = None) -> None:
    """Record the ids that may not vanish after a release. Example: headatlas paper release."""
    from importlib.metadata import version

    from catalog.files import changing_data, own_folder, write_text
    from catalog.releases import write_released

    folder = own_folder(data)
    path = folder / "released.yaml"
    with changing_data():
        registry = load_registry(folder)
        papers, head_types = list(registry.papers.values()), list(registry.head_types)
        write_text(path, write_released(version("headatlas"), papers, head_types))
    typer.echo(path)
