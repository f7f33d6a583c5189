"""The planted circuit does what it was planted for: it predicts the token that followed earlier."""

import torch

from probes import run
from probes.tiny.planted import INDUCTION_HEAD, PREVIOUS_TOKEN_HEAD


def test_repeated_tokens_are_predicted(planted):
    half = torch.randperm(64, generator=torch.Generator().manual_seed(0))[:30]
    tokens = torch.cat([half, half])[None]
    with torch.inference_mode():
        guesses = planted.module(tokens).logits[0].argmax(-1)
    # The first position has no previous token and takes itself for it, so one guess may miss.
    assert (guesses[30:-1] == tokens[0, 31:]).sum() >= 28


PATTERNS = ["duplicate_token", "first_token", "induction", "induction_argmax", "previous_token"]


def test_pattern_detectors_together_call_the_two_planted_heads_and_no_other(planted):
    results = run(planted, PATTERNS, half_length=40, n_samples=4, progress=False)
    assert {name: scores.run.called() for name, scores in results.items()} == {
        "duplicate_token": [],
        "first_token": [],
        "induction": [INDUCTION_HEAD],
        "induction_argmax": [INDUCTION_HEAD],
        "previous_token": [PREVIOUS_TOKEN_HEAD],
    }


def test_detectors_that_read_weights_call_no_head_but_the_copying_one(planted):
    results = run(planted, ["copying", "copy_suppression"], progress=False)
    assert {name: scores.run.called() for name, scores in results.items()} == {
        "copying": [INDUCTION_HEAD],
        "copy_suppression": [],
    }
