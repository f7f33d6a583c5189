"""Axes: round ticks inside the range, and numbers at their places."""

import pytest

from catalog.pictures.axes import Axis, Frame, tick_text


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ((0, 3000), ["0", "1000", "2000", "3000"]),
        ((1, 8), ["2", "4", "6", "8"]),
        ((0.52, 1), ["0.6", "0.7", "0.8", "0.9", "1"]),
        ((-3.2, 0.4), ["−3", "−2", "−1", "0"]),
        ((0.001, 16), ["0", "5", "10", "15"]),
        ((5, 5), ["5", "6"]),
        ((1, 3), ["1", "2", "3"]),
        ((0.5, 0.5), ["0.6", "0.8", "1", "1.2", "1.4"]),
    ],
    ids=str,
)
def test_ticks_are_round_numbers_inside_the_axis(values, ticks):
    assert [tick_text(tick) for tick in Axis.over(values, 100).ticks()] == ticks


def test_places_go_up_from_the_corner_below():
    frame = Frame(Axis.over([0, 10], 100), Axis.over([0, 1], 50), left=20, top=30)
    assert frame.place(0, 0) == (20, 80)
    assert frame.place(10, 1) == (120, 30)
