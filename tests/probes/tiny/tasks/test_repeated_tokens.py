"""Repeated blocks: what repeats, what can be known, what is refused."""

import pytest
import torch

from probes.errors import BadInputError
from probes.tiny.tasks.repeated_tokens import RepeatedTokens

TASK = RepeatedTokens(d_vocab=20, length=24, shortest_period=3, longest_period=10)


@pytest.fixture
def drawn():
    return TASK.draw(200, torch.Generator().manual_seed(0))


def test_block_is_repeated_after_its_period(drawn):
    for tokens, period in zip(drawn.tokens, drawn.period.tolist(), strict=True):
        assert torch.equal(tokens[period:], tokens[:-period])
        assert len(tokens[:period].unique()) == period


def test_all_periods_occur(drawn):
    assert drawn.period.unique().tolist() == list(range(3, 11))


def test_known_queries_are_those_with_an_earlier_occurrence(drawn):
    for tokens, is_known in zip(drawn.tokens.tolist(), drawn.is_known.tolist(), strict=True):
        assert is_known == [tokens[at] in tokens[:at] for at in range(len(tokens) - 1)]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"shortest_period": 12}, "periods run from 12 to 10"),
        ({"shortest_period": 1}, "periods run from 1"),
        ({"d_vocab": 9}, "d_vocab is 9"),
        ({"length": 11}, "at least 12 are needed"),
    ],
    ids=["shortest above longest", "period of one", "too few symbols", "too short"],
)
def test_impossible_settings_are_refused(settings, words):
    sizes = {"d_vocab": 20, "length": 24, "shortest_period": 3, "longest_period": 10}
    with pytest.raises(BadInputError, match=words):
        RepeatedTokens(**sizes | settings)
