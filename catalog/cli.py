"""The command headatlas: the groups of catalog.commands, and every group that another package attaches."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

import typer

from catalog import commands
from catalog.commands.base import paper_app, site_app
from catalog.errors import HeadAtlasError

GROUPS = "headatlas.commands"
"""Entry-point group through which other packages attach their commands."""

for file in sorted(Path(commands.__file__).parent.glob("*.py")):
    import_module(f"{commands.__name__}.{file.stem}")  # attaches its commands to their group

app = typer.Typer(
    help="A literature of attention heads whose claims can be run.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(paper_app, name="paper")
app.add_typer(site_app, name="site")


def main() -> None:
    """Run the command; errors of our own are printed in one piece, without a traceback."""
    for entry_point in sorted(entry_points(group=GROUPS), key=lambda found: found.name):
        app.add_typer(entry_point.load(), name=entry_point.name)
    try:
        app()
    except HeadAtlasError as error:
        typer.echo(f"headatlas: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        typer.echo(f"headatlas: {place}{error.strerror or error}; check the folder, its rights and the disk", err=True)
        sys.exit(1)


@app.callback(invoke_without_command=True)
def version(show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """A literature of attention heads whose claims can be run."""
    if show_version:
        from importlib.metadata import version

        typer.echo(version("headatlas"))
        raise typer.Exit


if __name__ == "__main__":
    main()
