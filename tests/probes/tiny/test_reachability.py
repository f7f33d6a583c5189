"""The simulation of what a layer can reach, beside both closed forms and the paper's bound."""

import math

import pytest

from probes.errors import BadInputError
from probes.tiny.reachability import causal_bound, layers_to_answer, published_bound, unmasked_bound

DEPTHS = range(1, 18)


@pytest.mark.parametrize("depth", DEPTHS)
def test_simulation_gives_the_causal_bound(depth):
    assert layers_to_answer(depth, is_causal=True) == causal_bound(depth) == math.ceil(math.log2(depth + 1)) + 1


@pytest.mark.parametrize("depth", DEPTHS)
def test_simulation_gives_the_bound_without_a_mask(depth):
    assert layers_to_answer(depth, is_causal=False) == unmasked_bound(depth)


@pytest.mark.parametrize("depth", DEPTHS)
def test_no_bound_of_ours_is_below_that_of_the_paper(depth):
    assert published_bound(depth) <= unmasked_bound(depth) <= causal_bound(depth)


def test_known_steps_of_the_bounds():
    assert [causal_bound(depth) for depth in (1, 2, 3, 4, 7, 8, 15, 16)] == [2, 3, 3, 4, 4, 5, 5, 6]
    assert [unmasked_bound(depth) for depth in (1, 2, 3, 6, 7, 17)] == [2, 2, 3, 3, 4, 4]
    assert 3 ** published_bound(7) == pytest.approx(14)


@pytest.mark.parametrize("bound", [causal_bound, unmasked_bound, published_bound])
def test_chain_without_a_fact_is_refused(bound):
    with pytest.raises(BadInputError, match="depth 0 holds no fact"):
        bound(0)
    with pytest.raises(BadInputError, match="depth is at least 1"):
        layers_to_answer(0, is_causal=True)
