"""Picture of curves: lines of numbers over one axis, a colour for each name, thin where seeds repeat it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from catalog.experiments import Curve
from catalog.pictures.axes import Axis, Frame
from catalog.pictures.picture import Picture, opening_tag, text_at

WIDTH, HEIGHT = 380, 220
LEFT, TOP, RIGHT, BELOW, LINE = 58, 30, 20, 54, 16
SAMPLE, LETTER = 24, 7.2
"""Width of a line's sample in the legend with the gap to its name, and of a letter."""
COLOURS = ("#17508f", "#b4471f", "#2f7d4f", "#7a3e9d", "#a07a00", "#0f7c8a", "#a63a6b", "#5b5b5b")
"""Told apart by most people in this order; names beyond them are dashed. A page may set --ha-line-0 and on."""


def draw_lines(curves: Sequence[Curve], *, x_name: str, y_name: str, title: str, caption: str) -> Picture:
    """Picture of curves.

    Args:
        curves: At least one; those of one name share a colour.
        x_name: Name of the axis from left to right.
        y_name: Name of the axis from bottom to top.
        title: Line above the picture.
        caption: What it shows, in one sentence.

    Returns:
        The picture, its legend below the axes, so that both fit a narrow screen.
    """
    across = Axis.over([x for curve in curves for x in curve.x], WIDTH)
    up = Axis.over([y for curve in curves for y in curve.y if y is not None] or [0.0], HEIGHT)
    frame = Frame(across, up, LEFT, TOP)
    names = list(dict.fromkeys(curve.name for curve in curves))
    looks = {name: _look(number) for number, name in enumerate(names)}
    room = SAMPLE + LETTER * (max(map(len, names)) + 1)
    n_columns = max(1, int(WIDTH // room))
    width = 1 if len(curves) > len(names) else 1.8
    height = TOP + HEIGHT + BELOW + LINE * math.ceil(len(names) / n_columns)
    parts = [
        opening_tag(LEFT + max(WIDTH, room) + RIGHT, height, caption, "ha-lines"),
        text_at(LEFT, 16, title, "start"),
        *frame.draw(x_name, y_name),
        *(_line(curve, frame, looks[curve.name], width) for curve in curves),
        *_legend(looks, n_columns, room),
        "</svg>",
    ]
    return Picture("\n".join(parts), caption)


def _look(number: int) -> str:
    dashes = ' stroke-dasharray="5 3"' if number >= len(COLOURS) else ""
    place = number % len(COLOURS)
    return f'stroke="var(--ha-line-{place}, {COLOURS[place]})"{dashes}'


def _line(curve: Curve, frame: Frame, look: str, width: float) -> str:
    """A line with a gap wherever a number is missing."""
    path, pen = [], "M"
    for x, y in zip(curve.x, curve.y, strict=True):
        if y is None:
            pen = "M"
            continue
        left, top = frame.place(x, y)
        path.append(f"{pen}{left:.1f} {top:.1f}")
        pen = "L"
    label = curve.name if curve.seed is None else f"{curve.name}, seed {curve.seed}"
    return f'<path d="{"".join(path)}" fill="none" {look} stroke-width="{width}"><title>{escape(label)}</title></path>'


def _legend(looks: dict[str, str], n_columns: int, room: float) -> Iterator[str]:
    """Samples of the lines with their names, row by row."""
    for number, (name, look) in enumerate(looks.items()):
        row, column = divmod(number, n_columns)
        x, y = LEFT + column * room, TOP + HEIGHT + BELOW + LINE * row
        yield f'<path d="M{x:g} {y}h18" {look} stroke-width="2.5" fill="none"/>'
        yield text_at(x + SAMPLE, y + 4, name, "start")
