"""Scores of patterns written by hand."""

import pytest
import torch

from probes.inputs import TokenBatch


@pytest.fixture
def score():
    """Score that a detector gives to one hand-written pattern (query rows of key weights) on one row of tokens."""

    def of(detector, tokens, pattern):
        keys = detector.key_positions(TokenBatch(torch.tensor([tokens])))[0]
        rows = [(query, chosen[chosen >= 0]) for query, chosen in enumerate(keys) if (chosen >= 0).any()]
        return sum(float(torch.tensor(pattern)[query, chosen].sum()) for query, chosen in rows) / len(rows)

    return of
