"""How well one set of heads leads a ranking: area under the curve, recall at n, rank correlation."""

from __future__ import annotations

from statistics import NormalDist, correlation


def area_under_curve(named: list[float], others: list[float]) -> float:
    """Probability that a named head scores higher than another one (AUROC); ties count half.

    Args:
        named: Scores of the named heads, at least one.
        others: Scores of all other heads, at least one.

    Returns:
        From 0 to 1; 0.5 is chance.
    """
    n_named = len(named)
    n_above = sum(ranks([*named, *others])[:n_named]) - n_named * (n_named + 1) / 2
    return n_above / (n_named * len(others))


def chance_of(auroc: float, n_named: int, n_others: int) -> float:
    """Probability that heads drawn at random reach this area or more.

    Args:
        auroc: From 0 to 1.
        n_named: Heads drawn.
        n_others: All others.

    Returns:
        From 0 to 1, by the normal approximation of the Mann-Whitney test, which is too careful for very few heads.
    """
    spread = ((n_named + n_others + 1) / (12 * n_named * n_others)) ** 0.5
    return 1 - NormalDist().cdf((auroc - 0.5) / spread)


def recall_at_n(named: list[float], others: list[float]) -> float:
    """Share of the n named heads that are among the n highest scores.

    Args:
        named: Scores of the named heads, at least one.
        others: Scores of all other heads.

    Returns:
        From 0 to 1; heads tied at the last place share the places left.
    """
    everyone, n_named = [*named, *others], len(named)
    last = sorted(everyone, reverse=True)[n_named - 1]
    places_left = n_named - sum(score > last for score in everyone)
    share_of_tied = places_left / everyone.count(last)
    return (sum(score > last for score in named) + named.count(last) * share_of_tied) / n_named


def rank_correlation(left: list[float], right: list[float]) -> float | None:
    """Spearman's correlation of two lists of scores.

    Args:
        left: Scores.
        right: As many, of the same heads.

    Returns:
        From -1 to 1, or None if either list holds one value only.
    """
    if len(set(left)) < 2 or len(set(right)) < 2:
        return None
    return correlation(ranks(left), ranks(right))


def ranks(values: list[float]) -> list[float]:
    """Rank of every value, from 1 for the lowest; equal values share the mean of their ranks.

    Args:
        values: Any numbers.

    Returns:
        One rank for each value, in the same order.
    """
    places: dict[float, list[int]] = {}
    for place, value in enumerate(sorted(values), 1):
        places.setdefault(value, []).append(place)
    return [(places[value][0] + places[value][-1]) / 2 for value in values]
