"""Pictures of experiments, drawn from their records alone: lines of a series, tables as colours, columns as dots."""

from __future__ import annotations

from collections.abc import Callable

from catalog.errors import PictureError, unknown_name_message
from catalog.experiments import Cell, ExperimentRun, Figure, Table
from catalog.pictures.dot_chart import draw_dots
from catalog.pictures.grid_chart import draw_grid
from catalog.pictures.line_chart import draw_lines
from catalog.pictures.picture import Picture, side_by_side


def draw(run: ExperimentRun, name: str) -> Picture:
    """One of the pictures that a record asks for.

    Args:
        run: The record.
        name: Name of the figure.

    Returns:
        The picture.

    Raises:
        PictureError: the record has no such figure, or nothing to draw in it.
    """
    if name not in run.figures:
        raise PictureError(unknown_name_message("figure", name, run.figures))
    figure = run.figures[name]
    return _DRAWN_AS[figure.kind](run, figure)


def _curves(run: ExperimentRun, figure: Figure) -> Picture:
    series = run.series[figure.source]
    return draw_lines(
        [curve for curve in series.curves if figure.seed in {None, curve.seed}],
        x_name=series.x_name,
        y_name=series.y_name,
        title=figure.title,
        caption=figure.caption,
    )


def _scatter(run: ExperimentRun, figure: Figure) -> Picture:
    table = run.tables[figure.source]
    x_name, y_name = figure.columns
    dots = [
        (_label(table, row), float(x), float(y))
        for row, x, y in zip(table.rows, table.column(x_name), table.column(y_name), strict=True)
        if isinstance(x, int | float) and isinstance(y, int | float)
    ]
    return draw_dots(dots, x_name=x_name, y_name=y_name, title=figure.title, caption=figure.caption)


def _label(table: Table, row: list[Cell]) -> str:
    """What a row is about: its first two cells with the heads of their columns."""
    return ", ".join(f"{name} {cell}" for name, cell in zip(table.columns[:2], row[:2], strict=True))


def _grid(run: ExperimentRun, figure: Figure) -> Picture:
    table = run.tables[figure.source]
    *panel_columns, row_name, column_name, value_name = figure.columns
    panels: dict[str, dict[tuple[str, str], float]] = {}
    columns = [table.column(name) for name in (row_name, column_name, value_name)]
    names = [", ".join(map(str, cells)) for cells in zip(*map(table.column, panel_columns), strict=True)]
    for panel, row, column, value in zip(names or [""] * len(table.rows), *columns, strict=True):
        if isinstance(value, int | float):
            panels.setdefault(panel, {})[str(row), str(column)] = float(value)
    caption = f"{figure.title}. {figure.caption}" if panel_columns else figure.caption
    pictures = [
        draw_grid(cells, row_name=row_name, column_name=column_name, title=panel or figure.title, caption=caption)
        for panel, cells in panels.items()
    ]
    return pictures[0] if len(pictures) == 1 and not panel_columns else side_by_side(pictures, caption, 3)


_DRAWN_AS: dict[str, Callable[[ExperimentRun, Figure], Picture]] = {
    "curves": _curves,
    "scatter": _scatter,
    "grid": _grid,
}
