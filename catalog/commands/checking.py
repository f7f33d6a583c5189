"""Commands that check the data files: paper validate."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from catalog.commands.base import Data, Json, load_registry, paper_app

if TYPE_CHECKING:
    from catalog.errors import InvalidDataError


@paper_app.command("validate")
def validate(data: Data = None, as_json: Json = False) -> None:
    """Check the data files and report every problem. Example: headatlas paper validate."""
    from catalog.errors import InvalidDataError

    try:
        registry = load_registry(data)
    except InvalidDataError as error:
        _print_problems(error, as_json)
        raise typer.Exit(1) from None
    counts = {"papers": len(registry.papers), "head_types": len(registry.head_types), "runs": len(registry.runs)}
    if as_json:
        typer.echo(json.dumps({"problems": [], **counts}))
    else:
        typer.echo(", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items()) + ": no problems")


def _print_problems(error: InvalidDataError, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"problems": [asdict(problem) for problem in error.problems]}, ensure_ascii=False))
        return
    for problem in error.problems:
        typer.echo(str(problem))
    typer.echo(f"{len(error.problems)} problem(s)", err=True)
