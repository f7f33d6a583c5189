"""Rankings against values worked out by hand and against brute force."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.rankings import area_under_curve, chance_of, rank_correlation, ranks, recall_at_n

scores = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=12)


def test_named_heads_in_front_give_full_marks():
    assert area_under_curve([9.0, 8.0], [1.0, 2.0, 3.0]) == 1.0
    assert recall_at_n([9.0, 8.0], [1.0, 2.0, 3.0]) == 1.0


def test_named_heads_at_the_end_give_nothing():
    assert area_under_curve([0.0], [1.0, 2.0, 3.0]) == 0.0
    assert recall_at_n([0.0], [1.0, 2.0, 3.0]) == 0.0


def test_equal_scores_count_as_chance():
    assert area_under_curve([1.0, 1.0], [1.0, 1.0]) == 0.5
    assert recall_at_n([1.0], [1.0, 1.0, 1.0]) == 0.25


@given(scores, scores)
def test_area_is_the_share_of_pairs_in_the_right_order(named, others):
    pairs = [(left > right) + (left == right) / 2 for left in named for right in others]
    assert area_under_curve(named, others) == pytest.approx(sum(pairs) / len(pairs))


@given(scores, scores)
def test_recall_lies_between_none_and_all(named, others):
    assert 0 <= recall_at_n(named, others) <= 1


def test_chance_of_half_is_half_and_falls_with_the_area():
    assert chance_of(0.5, 3, 100) == pytest.approx(0.5)
    assert chance_of(0.9, 3, 100) < 0.05 < chance_of(0.6, 3, 100)


def test_ranks_share_places_between_equal_values():
    assert ranks([0.3, 0.1, 0.3, 0.9]) == [2.5, 1.0, 2.5, 4.0]


def test_rank_correlation_looks_at_order_only():
    assert rank_correlation([1.0, 2.0, 3.0], [10.0, 200.0, 201.0]) == pytest.approx(1.0)
    assert rank_correlation([1.0, 2.0, 3.0], [3.0, 2.0, 1.0]) == pytest.approx(-1.0)
    assert rank_correlation([1.0, 1.0], [1.0, 2.0]) is None
