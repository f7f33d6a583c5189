"""Picture of curves: lines of numbers over one axis, a colour for each name, thin where seeds repeat it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from catalog.experiments import Curve, Series
from catalog.pictures import Picture, opening_tag, text_at

WIDTH, HEIGHT = 380, 220
LEFT, TOP, BELOW, LEGEND = 58, 30, 44, 150
N_TICKS = 5
COLOURS = ("#17508f", "#b4471f", "#2f7d4f", "#7a3e9d", "#a07a00", "#0f7c8a", "#a63a6b", "#5b5b5b")
"""Told apart by people who do not see all colours when taken in this order."""


@dataclass(frozen=True)
class _Axis:
    """From the lowest to the highest number, along so many units of the drawing."""

    low: float
    high: float
    length: float

    @classmethod
    def over(cls, values: Sequence[float], length: float) -> _Axis:
        low, high = min(values), max(values)
        return cls(low, high if high > low else low + 1, length)

    def along(self, value: float) -> float:
        return self.length * (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        return [self.low + (self.high - self.low) * step / (N_TICKS - 1) for step in range(N_TICKS)]


def draw_lines(series: Series, *, title: str, caption: str) -> Picture:
    """Picture of a series.

    Args:
        series: The curves; those of one name share a colour.
        title: Line above the picture.
        caption: What it shows, in one sentence.

    Returns:
        The picture.
    """
    curves = series.curves
    across = _Axis.over([x for curve in curves for x in curve.x], WIDTH)
    up = _Axis.over([y for curve in curves for y in curve.y if y is not None] or [0.0], HEIGHT)
    names = list(dict.fromkeys(curve.name for curve in curves))
    colours = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(names)}
    is_repeated = len(curves) > len(names)
    height = max(TOP + HEIGHT + BELOW, TOP + 16 * len(names) + 10)
    parts = [
        opening_tag(LEFT + WIDTH + LEGEND, height, caption, "ha-lines"),
        text_at(LEFT, 16, title, "start"),
        *_axes(across, up, series.x_name, series.y_name),
        *(_line(curve, across, up, colours[curve.name], is_thin=is_repeated) for curve in curves),
        *_legend(colours),
        "</svg>",
    ]
    return Picture("\n".join(parts), caption)


def _line(curve: Curve, across: _Axis, up: _Axis, colour: str, *, is_thin: bool) -> str:
    """A line with a gap wherever a number is missing."""
    path, pen = [], "M"
    for x, y in zip(curve.x, curve.y, strict=True):
        if y is None:
            pen = "M"
            continue
        path.append(f"{pen}{LEFT + across.along(x):.1f} {TOP + HEIGHT - up.along(y):.1f}")
        pen = "L"
    label = curve.name if curve.seed is None else f"{curve.name}, seed {curve.seed}"
    look = 'stroke-width="1" stroke-opacity="0.55"' if is_thin else 'stroke-width="1.8"'
    return f'<path d="{"".join(path)}" fill="none" stroke="{colour}" {look}><title>{escape(label)}</title></path>'


def _axes(across: _Axis, up: _Axis, x_name: str, y_name: str) -> Iterator[str]:
    bottom, faint = TOP + HEIGHT, 'stroke="currentColor" stroke-opacity="0.4"'
    yield f'<rect x="{LEFT}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" fill="none" {faint}/>'
    for value in across.ticks():
        yield text_at(LEFT + across.along(value), bottom + 14, _number(value), "middle")
    for value in up.ticks():
        yield text_at(LEFT - 7, bottom - up.along(value) + 4, _number(value), "end")
    yield text_at(LEFT + WIDTH / 2, bottom + 32, x_name, "middle")
    middle = TOP + HEIGHT / 2
    yield f'<g transform="rotate(-90 14 {middle:g})">{text_at(14, middle, y_name, "middle")}</g>'


def _number(value: float) -> str:
    return f"{value:.4g}".replace("-", "−") if abs(value) >= 100 else f"{value:.2g}".replace("-", "−")


def _legend(colours: dict[str, str]) -> Iterator[str]:
    x = LEFT + WIDTH + 14
    for row, (name, colour) in enumerate(colours.items()):
        y = TOP + 8 + 16 * row
        yield f'<path d="M{x} {y}h16" stroke="{colour}" stroke-width="2.5" fill="none"/>'
        yield text_at(x + 22, y + 4, name, "start")
