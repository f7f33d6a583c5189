"""How many layers a chain of facts needs: each layer lets a position read what it has something in common with.

The positions of a chain of D facts lie on a line P_0 .. P_2D: the query, then the key and the value of fact 0, of fact
1 and so on. Neighbours on the line share a token or stand side by side. A position knows an interval of the line, at
first itself; in one layer it may read every position whose interval touches its own, and then knows both. The answer
can be given as soon as the query knows P_2D.

Source: musat-2024-stacked-heads for the assumption that a position attends only where tokens or positions are shared,
and for the bound log_3(2D). The line, the simulation and both closed forms are ours; that a layer may do no more is
that assumption and not a fact about transformers: a softmax can also switch a head off.
"""

import math
from collections.abc import Sequence

from probes.errors import BadInputError

Interval = tuple[int, int]
"""First and last place on the line that a position knows, both included."""


def layers_to_answer(depth: int, *, is_causal: bool) -> int:
    """Layers after which the query knows the end of its chain, by simulation.

    Args:
        depth: D, number of facts in the chain, at least 1.
        is_causal: Whether a position sees only what stands before it, with the facts in the order D-1 .. 0 and the
            query last.

    Returns:
        The fewest layers.

    Raises:
        BadInputError: depth is below 1.
    """
    _check(depth)
    known = [(place, place) for place in range(2 * depth + 1)]
    order = _reading_order(depth)
    n_layers = 0
    while known[0][1] < 2 * depth:
        known = [_after_one_layer(place, known, order, is_causal=is_causal) for place in range(len(known))]
        n_layers += 1
    return n_layers


def causal_bound(depth: int) -> int:
    """Layers needed under a causal mask when the last fact of the chain comes first: ceil(log2(D + 1)) + 1.

    Args:
        depth: D, number of facts, at least 1.

    Returns:
        The layers; equal to the simulation.

    Raises:
        BadInputError: depth is below 1.
    """
    _check(depth)
    return depth.bit_length() + 1


def unmasked_bound(depth: int) -> int:
    """Layers needed without a mask: ceil(log3(4 D + 1)).

    Args:
        depth: D, number of facts, at least 1.

    Returns:
        The layers; equal to the simulation.

    Raises:
        BadInputError: depth is below 1.
    """
    _check(depth)
    n_layers = 0
    while 3**n_layers < 4 * depth + 1:
        n_layers += 1
    return n_layers


def published_bound(depth: int) -> float:
    """The bound of the paper, log_3(2 D), which is no whole number.

    Args:
        depth: D, number of facts, at least 1.

    Returns:
        Fewer layers than this cannot do, under the paper's assumption.

    Raises:
        BadInputError: depth is below 1.
    """
    _check(depth)
    return math.log(2 * depth, 3)


def _check(depth: int) -> None:
    if depth < 1:
        raise BadInputError(f"a chain of depth {depth} holds no fact; depth is at least 1")


def _reading_order(depth: int) -> list[int]:
    """When each place of the line is read: facts from the last to the first, key before value, then the query."""
    sequence = [*(2 * fact + part for fact in reversed(range(depth)) for part in (1, 2)), 0]
    return [sequence.index(place) for place in range(2 * depth + 1)]


def _after_one_layer(place: int, known: Sequence[Interval], order: Sequence[int], *, is_causal: bool) -> Interval:
    """What a position knows once it has read all that it may."""
    low, high = known[place]
    read = [
        other
        for number, other in enumerate(known)
        if (not is_causal or order[number] < order[place]) and other[0] <= high + 1 and other[1] >= low - 1
    ]
    return min([low, *(other[0] for other in read)]), max([high, *(other[1] for other in read)])
