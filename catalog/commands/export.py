"""The command that writes the catalogue in other formats: paper export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from catalog.commands.base import Data, Json, load_registry, paper_app, print_table


@paper_app.command("export")
def export(
    format_name: Annotated[str | None, typer.Argument(metavar="FORMAT", show_default=False)] = None,
    output: Annotated[Path | None, typer.Option(help="File to write; left out, stdout.", show_default=False)] = None,
    show_list: Annotated[bool, typer.Option("--list", help="Print the formats.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Write all papers in another format. Example: headatlas paper export bibtex --output papers.bib."""
    from catalog import exporters
    from catalog.files import write_text

    if show_list:
        _print_formats(as_json)
        return
    if format_name is None:
        raise typer.BadParameter(f"name a format: {', '.join(exporters.names())}")
    exporter = exporters.load(format_name.replace("-", "_"))
    text = exporter.export(load_registry(data))
    if output is None:
        typer.echo(text.encode("utf-8"), nl=False)
        return
    write_text(output, text)
    typer.echo(f"wrote {output}", err=True)


def _print_formats(as_json: bool) -> None:
    from catalog import exporters

    formats = {name: exporters.load(name) for name in exporters.names()}
    if as_json:
        keys = ("description", "file_name", "media_type")
        plain = {name: {key: getattr(found, key) for key in keys} for name, found in formats.items()}
        typer.echo(json.dumps(plain))
        return
    rows = ([name, found.file_name, found.description] for name, found in formats.items())
    print_table(["format", "file", "what it is"], rows, unbroken=["format", "file"])
