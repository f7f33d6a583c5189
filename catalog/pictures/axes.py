"""Axes of pictures: from numbers to places in a drawing, with a frame, ticks and names."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from catalog.pictures.picture import text_at
from catalog.texts import minus

N_TICKS = 5
"""Steps from one end of an axis to the other, at most."""

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
    is_whole: bool = False
    """Whether there is nothing between whole numbers, as with layers and steps."""

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
        is_whole = all(float(value).is_integer() for value in values)
        return cls(low, high if high > low else low + 1, length, is_whole)

    def along(self, value: float) -> float:
        """Distance from the start of the axis, in units of the drawing."""
        return self.length * (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Numbers that are written at the axis: multiples of 1, 2 or 5 times a power of ten that it reaches."""
        least = (self.high - self.low) / N_TICKS
        power = 10.0 ** math.floor(math.log10(least))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - ROUNDING))
        step = max(step, 1.0) if self.is_whole else step
        first, last = math.ceil(self.low / step - ROUNDING), math.floor(self.high / step + ROUNDING)
        return [number * step for number in range(first, last + 1)]


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
        Three significant digits, whole numbers in full.
    """
    return minus(f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}")
