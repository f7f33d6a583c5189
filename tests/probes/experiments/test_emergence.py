"""When something appeared, and by how much an order was broken."""

import pytest

from probes.experiments._emergence import first_above, first_below, slip

STEPS = [0, 25, 50, 75]


def test_first_evaluation_beyond_a_threshold():
    assert first_above(STEPS, [0.1, 0.5, 0.6, 0.2], 0.5) == 50
    assert first_above(STEPS, [0.1, 0.2, 0.3, 0.2], 0.5) is None
    assert first_below(STEPS, [3.0, 2.0, 1.0, 0.5], 1.0) == 50
    assert first_below(STEPS, [3.0, 2.0, 2.0, 2.5], 1.0) is None


@pytest.mark.parametrize(
    ("steps", "wanted"),
    [
        ({"a": 100, "b": 200, "c": 200}, 0),
        ({"a": 100, "b": 75, "c": 200}, 25),
        ({"a": 300, "b": 200, "c": 100}, 200),
        ({"a": 100, "b": 200, "c": None}, 0),
        ({"a": None, "b": 200, "c": 300}, 800),
    ],
    ids=["in order", "two swapped", "reversed", "last never", "first never"],
)
def test_slip_is_the_largest_step_backwards(steps, wanted):
    assert slip(["a", "b", "c"], steps, never=1000) == wanted


def test_one_event_is_always_in_order():
    assert slip(["a"], {"a": 5}, never=10) == 0
