"""Random blocks of tokens that are repeated to the end of the sequence: what a model with induction heads can continue.

Every sequence has a block and a period of its own. With one period for all, a head that looks a fixed number of places
back would do; as periods differ, what followed an earlier occurrence has to be found by content.

Source: olsson-2022-induction scores induction heads on repeated random tokens; training on them, with periods that
differ, is our choice.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from probes.errors import BadInputError
from probes.shapes import Tokens
from probes.tiny.tasks.base import Batch, DrawnTask


@dataclass(frozen=True)
class RepeatedSequences:
    """Repeated blocks."""

    tokens: Tokens
    """Shape (batch, pos)."""

    period: Int[Tensor, " batch"]
    """Tokens of each sequence's block."""

    @property
    def is_known(self) -> Bool[Tensor, "batch query_pos"]:
        """Queries whose next token stood after an earlier occurrence of theirs: every one from the second copy on.

        Shape (batch, pos - 1), as the last token has no next one.
        """
        return torch.arange(self.tokens.shape[1] - 1) >= self.period[:, None]


@dataclass(frozen=True)
class RepeatedTokens(DrawnTask[RepeatedSequences]):
    """Blocks of random tokens without repeats, each repeated to the end."""

    evaluation_seed: ClassVar[int] = 2209_11895

    d_vocab: int = 64
    length: int = 64
    """Tokens of a sequence."""

    shortest_period: int = 8
    longest_period: int = 32

    n_evaluated: int = 256
    """Sequences in the evaluation set."""

    def __post_init__(self) -> None:
        """Refuse sizes with which nothing is repeated.

        Raises:
            BadInputError: names the setting.
        """
        if not 2 <= self.shortest_period <= self.longest_period:
            raise BadInputError(
                f"periods run from {self.shortest_period} to {self.longest_period}; wanted 2 or more, shortest first"
            )
        if self.longest_period > self.d_vocab:
            raise BadInputError(
                f"a block of {self.longest_period} tokens without repeats needs as many symbols, d_vocab is "
                f"{self.d_vocab}; shorten longest_period"
            )
        if self.length < self.longest_period + 2:
            raise BadInputError(
                f"length is {self.length}; with periods up to {self.longest_period} at least "
                f"{self.longest_period + 2} are needed for something to be repeated"
            )

    @property
    def n_ctx(self) -> int:
        """Tokens of a sequence."""
        return self.length

    def asked(self, sequences: RepeatedSequences) -> Batch:
        """What a model has to say to sequences: every next token, known or not.

        Args:
            sequences: From draw.

        Returns:
            The batch.
        """
        return Batch(sequences.tokens, tuple(range(self.length - 1)), sequences.tokens[:, 1:])

    def draw(self, n: int, generator: torch.Generator) -> RepeatedSequences:
        """Fresh sequences.

        Args:
            n: How many.
            generator: Source of the draw.

        Returns:
            The sequences; periods are drawn evenly.
        """
        n_periods = self.longest_period - self.shortest_period + 1
        period = self.shortest_period + torch.randint(n_periods, (n,), generator=generator)
        symbols = torch.rand(n, self.d_vocab, generator=generator).argsort(1)
        place = torch.arange(self.length) % period[:, None]
        return RepeatedSequences(symbols.gather(1, place), period)


TASK = RepeatedTokens
