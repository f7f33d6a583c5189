"""Tokens or texts that the caller brings, used exactly as they are."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.errors import BadInputError
from probes.inputs import TokenBatch, given_tokens, texts_to_tokens
from probes.recipes.base import Recipe
from probes.standard import SEED


@dataclass(frozen=True, eq=False)
class OwnInput(Recipe):
    """Either tokens or texts; equal only to itself."""

    tokens: Tensor | Sequence[Sequence[int]] | None = None
    """Token ids, shape (batch, pos); no start token is added."""

    texts: Sequence[str] | None = None
    """One text a sample."""

    length: int | None = None
    """Tokens to keep of each text; left out, as many as the shortest has."""

    seed: int = SEED
    """Seed of the null."""

    def __post_init__(self) -> None:
        if self.tokens is not None and self.texts is not None:
            raise BadInputError("both tokens and texts are given; pass one of them")
        if self.length is not None and self.texts is None:
            raise BadInputError("a length is given without texts; it says how many tokens of each text to keep")

    def batch(self, model: ProbedModel) -> TokenBatch:
        """The caller's tokens, or the tokens of the caller's texts."""
        if self.texts is None:
            return given_tokens(self.tokens, model.shape.d_vocab, seed=self.seed)
        rows = texts_to_tokens(self.texts, model.tokenizer, self.length)
        words = f"texts given by the caller, cut to {len(rows[0])} tokens" if rows else "no text"
        return given_tokens(rows, model.shape.d_vocab, description=words, seed=self.seed)
