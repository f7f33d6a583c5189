"""Natural text: passages of plain English prose of our own."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from probes.adapters.base import ProbedModel
from probes.errors import BadInputError
from probes.inputs import TokenBatch, check_n_samples, given_tokens, texts_to_tokens
from probes.recipes.base import Recipe
from probes.standard import N_SAMPLES, SEED

PASSAGES = Path(__file__).with_name("natural_text.txt")
"""One passage a line; ours, under CC0 like the data."""


@dataclass(frozen=True)
class NaturalText(Recipe):
    """English prose, every sample another passage."""

    length: int = 128
    """Tokens of each sample."""

    n_samples: int = N_SAMPLES
    """No more than there are passages."""

    seed: int = SEED
    """Seed of the null."""

    def batch(self, model: ProbedModel) -> TokenBatch:
        """The first passages, each cut to the same number of tokens."""
        check_n_samples(self.n_samples)
        passages = PASSAGES.read_text(encoding="utf-8").splitlines()
        if self.n_samples > len(passages):
            raise BadInputError(f"{self.n_samples} samples are wanted, there are {len(passages)} passages")
        chosen = passages[: self.n_samples]
        rows = texts_to_tokens(chosen, model.tokenizer, self.length)
        words = f"passages of English prose, cut to {self.length} tokens"
        batch = given_tokens(rows, model.shape.d_vocab, description=words, seed=self.seed)
        batch.settings["texts_sha256"] = sha256("\n".join(chosen).encode()).hexdigest()
        return batch

    def on(self, own: Recipe) -> Recipe:
        """The caller's input is as good."""
        return own
