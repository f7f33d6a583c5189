"""Picture of two scores of the same heads against each other: one dot a head, equal scores on the diagonal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from catalog.pictures.picture import Picture, opening_tag, text_at
from catalog.texts import minus

SIDE = 260
"""Side of the square that the dots lie in."""
LEFT, TOP, RIGHT, BELOW = 58, 30, 14, 44
N_TICKS = 5
ONE, OTHER, BOTH = "var(--ha-cell, #17508f)", "var(--ha-cell-negative, #b4471f)", "currentColor"
FAINT = 0.25
"""Opacity of a head that is called on neither side."""


@dataclass(frozen=True)
class Dot:
    """One head."""

    label: str
    x: float
    y: float
    is_called_x: bool
    is_called_y: bool

    @property
    def style(self) -> str:
        """Colour by the side that calls the head."""
        if self.is_called_x or self.is_called_y:
            fill = BOTH if self.is_called_x and self.is_called_y else ONE if self.is_called_x else OTHER
            return f'fill="{fill}" fill-opacity="0.9"'
        return f'fill="{BOTH}" fill-opacity="{FAINT}"'


@dataclass(frozen=True)
class _Scale:
    """Both axes, from the lowest to the highest score of either side."""

    low: float
    high: float

    @classmethod
    def of(cls, dots: Sequence[Dot]) -> _Scale:
        values = [value for dot in dots for value in (dot.x, dot.y)]
        low, high = min(0.0, *values), max(values)
        return cls(low, high if high > low else low + 1)

    def along(self, value: float) -> float:
        """Distance from the start of an axis, in units of the drawing."""
        return SIDE * (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        return [self.low + (self.high - self.low) * step / (N_TICKS - 1) for step in range(N_TICKS)]


def draw_scatter(dots: Sequence[Dot], *, title: str, x_name: str, y_name: str, caption: str) -> Picture:
    """Picture of pairs of scores.

    Args:
        dots: At least one head.
        title: Line above the picture.
        x_name: What the scores from left to right belong to.
        y_name: What the scores from bottom to top belong to.
        caption: What the picture shows, in one sentence.

    Returns:
        The picture; heads that are called on one side only are coloured by that side, on both sides dark.
    """
    scale = _Scale.of(dots)
    width, height = LEFT + SIDE + RIGHT, TOP + SIDE + BELOW
    parts = [
        opening_tag(width, height, caption, "ha-scatter"),
        text_at(LEFT, 16, title, "start"),
        *_axes(scale, x_name, y_name),
        *(_circle(dot, scale) for dot in dots),
        "</svg>",
    ]
    return Picture("\n".join(parts), caption)


def _circle(dot: Dot, scale: _Scale) -> str:
    x, y = LEFT + scale.along(dot.x), TOP + SIDE - scale.along(dot.y)
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" {dot.style}><title>{escape(dot.label)}</title></circle>'


def _axes(scale: _Scale, x_name: str, y_name: str) -> Iterator[str]:
    bottom = TOP + SIDE
    faint = 'stroke="currentColor" stroke-opacity="0.4"'
    yield f'<rect x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}" fill="none" {faint}/>'
    yield f'<line x1="{LEFT}" y1="{bottom}" x2="{LEFT + SIDE}" y2="{TOP}" {faint} stroke-dasharray="4 4"/>'
    for value in scale.ticks():
        number = minus(f"{value:.2g}")
        yield text_at(LEFT + scale.along(value), bottom + 14, number, "middle")
        yield text_at(LEFT - 7, bottom - scale.along(value) + 4, number, "end")
    yield text_at(LEFT + SIDE / 2, bottom + 32, x_name, "middle")
    middle = TOP + SIDE / 2
    yield f'<g transform="rotate(-90 14 {middle:g})">{text_at(14, middle, y_name, "middle")}</g>'
