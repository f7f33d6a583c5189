"""Picture of two numbers against each other, each on its own axis: one dot a pair."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from catalog.errors import PictureError
from catalog.pictures.axes import Axis, Frame
from catalog.pictures.picture import Picture, opening_tag, text_at

WIDTH, HEIGHT = 300, 220
LEFT, TOP, RIGHT, BELOW = 58, 30, 14, 44
COLOUR = "var(--ha-cell, #17508f)"


def draw_dots(
    dots: Sequence[tuple[str, float, float]], *, x_name: str, y_name: str, title: str, caption: str
) -> Picture:
    """Picture of pairs of numbers.

    Args:
        dots: Label, number from left to right and number from bottom to top; at least one.
        x_name: Name of the axis from left to right.
        y_name: Name of the axis from bottom to top.
        title: Line above the picture.
        caption: What it shows, in one sentence.

    Returns:
        The picture.

    Raises:
        PictureError: there is no dot.
    """
    if not dots:
        raise PictureError(f"{title}: there is nothing to draw")
    across = Axis.over([x for _, x, _ in dots], WIDTH)
    frame = Frame(across, Axis.over([y for _, _, y in dots], HEIGHT), LEFT, TOP)
    parts = [
        opening_tag(LEFT + WIDTH + RIGHT, TOP + HEIGHT + BELOW, caption, "ha-dots"),
        text_at(LEFT, 16, title, "start"),
        *frame.draw(x_name, y_name),
        *(_dot(label, *frame.place(x, y)) for label, x, y in dots),
        "</svg>",
    ]
    return Picture("\n".join(parts), caption)


def _dot(label: str, x: float, y: float) -> str:
    look = f'fill="{COLOUR}" fill-opacity="0.75"'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" {look}><title>{escape(label)}</title></circle>'
