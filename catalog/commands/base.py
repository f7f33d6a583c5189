"""What the commands share: the groups, common options, reading the registry, and tables."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from catalog.models import Record
    from catalog.registry import Registry

Data = Annotated[Path | None, typer.Option(help="Folder with papers.yaml.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]

paper_app = typer.Typer(help="Look up, check, add and export the papers of the catalogue.", no_args_is_help=True)
site_app = typer.Typer(help="Build the site and look at it.", no_args_is_help=True)


def load_registry(data: Path | None) -> Registry:
    """The registry of a data folder.

    Args:
        data: Folder with papers.yaml; left out, the one that catalog.files.data_folder finds.

    Returns:
        The registry.

    Raises:
        CatalogError: it cannot be read, or breaks rules.
    """
    from catalog.registry import Registry

    return Registry.load(data)


def plain(record: Record) -> Any:
    """A record as JSON knows it; fields without a value are left out.

    Args:
        record: The record.

    Returns:
        A dictionary of plain values.
    """
    return record.model_dump(mode="json", exclude_none=True)


def print_table(columns: list[str], rows: Iterable[list[str]], *, unbroken: Iterable[str] = ()) -> None:
    """Print a table that fits the terminal.

    Args:
        columns: Heads of the columns.
        rows: Cells, as many in each row as there are columns.
        unbroken: Columns whose cells stay on one line.
    """
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name, overflow="fold", no_wrap=name in unbroken)
    for row in rows:
        table.add_row(*row)
    Console(markup=False, emoji=False).print(table)
