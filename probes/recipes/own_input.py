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
        _refuse_two_starts(rows, model.first_id)
        has_start = bool(rows) and rows[0][0] == model.first_id
        start = "" if has_start else ", without a start token"
        words = f"texts given by the caller, cut to {len(rows[0])} tokens{start}" if rows else "no text"
        return given_tokens(rows, model.shape.d_vocab, description=words, seed=self.seed)


def _refuse_two_starts(rows: Sequence[Sequence[int]], first_id: int | None) -> None:
    for number, row in enumerate(rows, 1):
        if first_id is not None and list(row[:2]) == [first_id, first_id]:
            raise BadInputError(
                f"text {number} of {len(rows)} begins with two start tokens: the tokenizer puts one in front; leave it "
                "out of the text, or pass tokens, which are read exactly as given"
            )
