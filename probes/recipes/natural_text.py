"""Natural text: passages of plain English prose of our own."""

import re
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path

from probes.adapters.base import ProbedModel
from probes.inputs import TokenBatch, check_n_samples, given_tokens, texts_to_tokens
from probes.recipes.base import Recipe
from probes.recipes.token_kinds import KindsMarked, with_token_kinds
from probes.standard import SEED

ESSAYS = Path(__file__).with_name("haystack")
"""Essays of ours, under CC0 like the data; two passages each."""

N_PASSAGES = 24

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@cache
def passages() -> tuple[str, ...]:
    """Our passages: every essay cut in two at the end of the sentence nearest its middle.

    Returns:
        First halves, then second halves, in order of the essays' names; each has about 500 words.
    """
    essays = [file.read_text(encoding="utf-8").strip() for file in sorted(ESSAYS.glob("*.txt"))]
    halves = [_halves(essay) for essay in essays]
    return tuple(half[part] for part in range(2) for half in halves)


def _halves(essay: str) -> tuple[str, str]:
    cut = min(_SENTENCE_END.finditer(essay), key=lambda end: abs(end.start() - len(essay) / 2))
    return essay[: cut.start()], essay[cut.end() :]


@dataclass(frozen=True)
class NaturalText(Recipe):
    """English prose, every sample another passage; marks of the batch: see with_token_kinds."""

    length: int = 128
    """Tokens of each sample; the passages have at least 512 in vocabularies of usual size."""

    n_samples: int = N_PASSAGES
    """Passages to read; all of them, if more are wanted than there are."""

    seed: int = SEED
    """Seed of the null."""

    def batch(self, model: ProbedModel) -> TokenBatch:
        """The first passages, each cut to the same number of tokens."""
        check_n_samples(self.n_samples)
        chosen = passages()[: self.n_samples]
        rows = texts_to_tokens(chosen, model.tokenizer, self.length)
        words = f"passages of English prose, cut to {self.length} tokens"
        batch = given_tokens(rows, model.shape.d_vocab, description=words, seed=self.seed)
        digest = sha256("\n".join(chosen).encode()).hexdigest()
        return with_token_kinds(replace(batch, settings={**batch.settings, "texts_sha256": digest}), model)

    def on(self, own: Recipe) -> Recipe:
        """The caller's input is as good, with the same marks."""
        return KindsMarked(own)
