"""Two kinds of text in equal parts: our prose, and Python of our own."""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import torch

from probes.adapters.base import ProbedModel
from probes.inputs import TokenBatch, check_n_samples, given_tokens, texts_to_tokens
from probes.recipes.base import Recipe
from probes.recipes.natural_text import N_PASSAGES, passages
from probes.standard import SEED

CODE = Path(__file__).with_name("code.txt")
"""Parts of this package's source as it once was, so that the input stays the same when the source changes."""

BETWEEN_PASSAGES = "\f\n"


@cache
def code_passages() -> tuple[str, ...]:
    """Our passages of Python.

    Returns:
        As many as there are passages of prose; each has at least 512 tokens in vocabularies of usual size.
    """
    return tuple(CODE.read_text(encoding="utf-8").split(BETWEEN_PASSAGES))


@dataclass(frozen=True)
class ProseAndCode(Recipe):
    """Passages of prose, then as many of code; `marks["is_code"]`, shape (batch, 1), tells them apart."""

    length: int = 128
    """Tokens of each sample."""

    n_samples: int = N_PASSAGES
    """Passages of each kind; all of them, if more are wanted than there are."""

    seed: int = SEED
    """Seed of the null."""

    def batch(self, model: ProbedModel) -> TokenBatch:
        """Both kinds, each passage cut to the same number of tokens."""
        check_n_samples(self.n_samples)
        prose, code = passages()[: self.n_samples], code_passages()[: self.n_samples]
        rows = texts_to_tokens([*prose, *code], model.tokenizer, self.length)
        words = f"{len(prose)} passages of English prose and {len(code)} of Python code, cut to {self.length} tokens"
        batch = given_tokens(rows, model.shape.d_vocab, description=words, seed=self.seed)
        batch.settings["texts_sha256"] = sha256("\n".join([*prose, *code]).encode()).hexdigest()
        is_code = torch.arange(len(rows)) >= len(prose)
        return TokenBatch(batch.tokens, words, batch.settings, self.seed, marks={"is_code": is_code[:, None]})
