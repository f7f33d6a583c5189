"""Sequences of facts: where everything stands, what is asked, what is refused."""

import pytest
import torch

from probes.errors import BadInputError
from probes.tiny.tasks.retrieval_chain import RetrievalChains

SIZES = [(1, 2), (1, 4), (2, 4), (3, 4), (7, 3)]


def draw(depth=3, n_chains=4, n=64, seed=0, **settings):
    generator = torch.Generator().manual_seed(seed)
    return RetrievalChains(depth, n_chains, **settings).draw(n, generator)


def facts_of(tokens):
    """Every key with its value, in reading order."""
    return list(zip(tokens[0:-1:2], tokens[1:-1:2], strict=True))


@pytest.mark.parametrize(("depth", "n_chains"), SIZES)
def test_following_the_facts_from_the_query_gives_the_chain(depth, n_chains):
    drawn = draw(depth, n_chains)
    assert drawn.tokens.shape == (64, 2 * n_chains * depth + 1)
    for tokens, answers in zip(drawn.tokens.tolist(), drawn.answers.tolist(), strict=True):
        value_of = dict(facts_of(tokens))
        at, found = tokens[-1], []
        while at in value_of:
            at = value_of[at]
            found.append(at)
        assert found == answers


@pytest.mark.parametrize(("depth", "n_chains"), SIZES)
def test_every_sequence_holds_all_chains_definition_first(depth, n_chains):
    for tokens in draw(depth, n_chains).tokens.tolist():
        facts = facts_of(tokens)
        assert sorted({token for fact in facts for token in fact}) == list(range(n_chains * (depth + 1)))
        seen = set()
        for key, value in facts:
            assert value not in {other for other, _ in facts} or value in seen
            seen.add(key)


def test_positions_point_at_keys_and_values_of_the_queried_chain():
    drawn = draw()
    assert torch.equal(drawn.tokens.gather(1, drawn.key_positions), drawn.chain[:, :-1])
    assert torch.equal(drawn.tokens.gather(1, drawn.value_positions), drawn.answers)
    assert torch.equal(drawn.tokens[:, -1], drawn.chain[:, 0])


def test_chains_are_interleaved_and_the_queried_one_differs():
    drawn = draw(n=400)
    first = drawn.key_positions.max(1).values
    assert len(first.unique()) > 8
    is_contiguous = (drawn.key_positions[:, 0] - drawn.key_positions[:, -1]) == 4
    assert 0 < is_contiguous.double().mean() < 0.3


def test_mixed_control_asks_from_every_place_of_the_chain():
    drawn = draw(n=300, targets="mixed")
    assert torch.equal(drawn.tokens[:, -1], drawn.chain[torch.arange(300), drawn.start])
    counts = drawn.start.bincount(minlength=3)
    assert len(counts) == 3
    assert counts.min() > 70


def test_same_seed_gives_the_same_sequences():
    assert torch.equal(draw(seed=1).tokens, draw(seed=1).tokens)
    assert not torch.equal(draw(seed=1).tokens, draw(seed=2).tokens)


@pytest.mark.parametrize(
    ("sizes", "words"), [((0, 4), "at least 1 fact"), ((2, 1), "nothing to choose from")], ids=["no fact", "one chain"]
)
def test_impossible_sizes_are_refused(sizes, words):
    with pytest.raises(BadInputError, match=words):
        RetrievalChains(*sizes)
