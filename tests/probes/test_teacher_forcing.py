"""Forced answers: the queries that emit them, and what the model would have written."""

import torch

from probes.forward import read
from probes.inputs import TokenBatch
from probes.teacher_forcing import emitting_queries, residual_at, share_written, would_write


def test_emitting_query_stands_one_place_before():
    assert emitting_queries(torch.tensor([[4, 5], [2, -1]])).tolist() == [[3, 4], [1, -1]]


def test_written_tokens_are_the_likeliest_of_the_model_itself(planted):
    half = torch.randperm(60, generator=torch.Generator().manual_seed(0))[:20]
    tokens = torch.cat([half, half])[None].repeat(2, 1)
    batch, answer = TokenBatch(tokens), torch.tensor([[30, 31, 32], [30, 31, -1]])
    (residual,) = read(planted, batch, [residual_at(answer)])
    with torch.inference_mode():
        likeliest = planted.module(tokens).logits.argmax(-1)
    written = would_write(planted, residual, batch, answer)
    assert written.tolist() == [[True, True, True], [True, True, False]]
    assert torch.equal(likeliest[0, 29:32], tokens[0, 30:33])
    assert share_written(written, answer).tolist() == [1.0, 1.0]
    other = TokenBatch(tokens.roll(1, 1))
    assert not would_write(planted, residual, other, answer).any()
