"""Random tokens that are repeated once: the input of most pattern detectors."""

from dataclasses import dataclass

from probes.adapters.base import ProbedModel
from probes.inputs import TokenBatch, eligible_ids, repeated_random_tokens
from probes.recipes.base import Recipe
from probes.standard import HALF_LENGTH, N_SAMPLES, SEED


@dataclass(frozen=True)
class RepeatedTokens(Recipe):
    """A start token, random tokens without repeats, and the same tokens again."""

    half_length: int = HALF_LENGTH
    """Tokens that are repeated."""

    n_samples: int = N_SAMPLES
    seed: int = SEED

    def batch(self, model: ProbedModel) -> TokenBatch:
        """Tokens that stand for ordinary pieces of text; see repeated_random_tokens."""
        ids = eligible_ids(model.shape.d_vocab, model.tokenizer)
        return repeated_random_tokens(
            ids, model.first_id, half_length=self.half_length, n_samples=self.n_samples, seed=self.seed
        )

    def on(self, own: Recipe) -> Recipe:
        """The caller's input is as good; the detectors check it."""
        return own
