"""Pictures of experiments, drawn from their records alone: lines of a series, tables as colours, columns as dots."""

from __future__ import annotations

from catalog.errors import PictureError, unknown_name_message
from catalog.experiments import ExperimentRun, Figure
from catalog.line_chart import draw_lines
from catalog.pictures import Picture


def draw(run: ExperimentRun, name: str) -> Picture:
    """One of the pictures that a record asks for.

    Args:
        run: The record.
        name: Name of the figure.

    Returns:
        The picture.

    Raises:
        PictureError: the record has no such figure.
    """
    if name not in run.figures:
        raise PictureError(unknown_name_message("figure", name, run.figures))
    return _DRAWN_AS[run.figures[name].kind](run, run.figures[name])


def _lines(run: ExperimentRun, figure: Figure) -> Picture:
    return draw_lines(run.series[figure.source], title=figure.title, caption=figure.caption)


_DRAWN_AS = {"curves": _lines}
