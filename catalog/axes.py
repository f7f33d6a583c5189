"""Axes of pictures: from numbers to places in a drawing, with a frame, ticks and names."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from catalog.pictures import text_at

N_STEPS = 4
"""Steps between ticks, about."""

NEAR_ZERO = 0.1
"""Part of the highest number below which the lowest one is no reason to leave 0 out."""

ROUNDING = 1e-9
"""Part of a step by which a tick may lie outside its axis."""


@dataclass(frozen=True)
class Axis:
    """From the lowest to the highest number, along so many units of the drawing."""

    low: float
    high: float
    length: float

    @classmethod
    def over(cls, values: Sequence[float], length: float) -> Axis:
        """Axis on which all values have a place.

        Args:
            values: At least one number.
            length: In units of the drawing.

        Returns:
            The axis.
        """
        low, high = min(values), max(values)
        low = 0.0 if 0 < low < NEAR_ZERO * high else low
        return cls(low, high if high > low else low + 1, length)

    def along(self, value: float) -> float:
        """Distance from the start of the axis, in units of the drawing."""
        return self.length * (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Round numbers that are written at the axis."""
        step = _round_step((self.high - self.low) / N_STEPS)
        first, last = math.ceil(self.low / step - ROUNDING), math.floor(self.high / step + ROUNDING)
        return [number * step for number in range(first, last + 1)]


def _round_step(wanted: float) -> float:
    """The step of 1, 2 or 5 times a power of ten that comes nearest to a wish."""
    power = 10.0 ** math.floor(math.log10(wanted))
    return min((factor * power for factor in (1, 2, 5, 10)), key=lambda step: abs(math.log(step / wanted)))


@dataclass(frozen=True)
class Frame:
    """Two axes around an area whose corner above on the left lies at (left, top)."""

    across: Axis
    up: Axis
    left: float
    top: float

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Place of a pair of numbers in the drawing."""
        return self.left + self.across.along(x), self.top + self.up.length - self.up.along(y)

    def draw(self, x_name: str, y_name: str) -> Iterator[str]:
        """The frame with ticks and names.

        Args:
            x_name: Name of the axis from left to right.
            y_name: Name of the axis from bottom to top.

        Yields:
            Elements of the drawing.
        """
        width, height, bottom = self.across.length, self.up.length, self.top + self.up.length
        faint = 'fill="none" stroke="currentColor" stroke-opacity="0.4"'
        yield f'<rect x="{self.left:g}" y="{self.top:g}" width="{width:g}" height="{height:g}" {faint}/>'
        for value in self.across.ticks():
            yield text_at(self.left + self.across.along(value), bottom + 14, tick_text(value), "middle")
        for value in self.up.ticks():
            yield text_at(self.left - 7, bottom - self.up.along(value) + 4, tick_text(value), "end")
        yield text_at(self.left + width / 2, bottom + 32, x_name, "middle")
        middle = self.top + height / 2
        yield f'<g transform="rotate(-90 14 {middle:g})">{text_at(14, middle, y_name, "middle")}</g>'


def tick_text(value: float) -> str:
    """A number as it stands at an axis.

    Args:
        value: The number.

    Returns:
        Up to six significant digits, with a real minus.
    """
    return f"{value:g}".replace("-", "−")
