"""Whether a string of 0s, 1s and 2s holds more 1s than 0s, and then to end the sentence.

Source: arXiv 2502.06923 for the language and the end of the sentence. Separator, answer tokens, lengths and the rule
that a tie counts as "no" are our choices.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from probes.errors import BadInputError
from probes.shapes import Tokens
from probes.tiny.tasks.base import Batch

VOCABULARY = ("0", "1", "2", "[BOS]", "[SEP]", "[YES]", "[NO]", "[EOS]")
ZERO, ONE, TWO, BOS, SEP, YES, NO, EOS = range(len(VOCABULARY))
N_SYMBOLS = 3
EVALUATION_SEED = 2502_06923


@dataclass(frozen=True)
class Counting:
    """Sentences [BOS] x_1 ... x_n [SEP] y [EOS], y being [YES] where there are more 1s than 0s."""

    shortest: int = 5
    """Symbols of the shortest string."""

    longest: int = 20
    """Symbols of the longest string."""

    n_evaluated: int = 500
    """Strings of each length in the evaluation set."""

    every_position: bool = False
    """Whether the loss counts every next token, not only the answer and the end."""

    def __post_init__(self) -> None:
        """Refuse lengths that leave no string.

        Raises:
            BadInputError: no string has such a length.
        """
        if not 1 <= self.shortest <= self.longest:
            raise BadInputError(f"strings of {self.shortest} to {self.longest} symbols do not exist; give 1 or more")
        if self.n_evaluated < 1:
            raise BadInputError(f"{self.n_evaluated} strings of each length cannot be evaluated; give 1 or more")

    @property
    def d_vocab(self) -> int:
        """Number of tokens."""
        return len(VOCABULARY)

    @property
    def n_ctx(self) -> int:
        """Length of the longest sentence."""
        return self.longest + 4

    def batch(self, generator: torch.Generator, step: int, n: int) -> Batch:
        """Fresh sentences of one length, which depends on the step alone.

        Args:
            generator: Source of the symbols.
            step: Number of the step.
            n: Number of sentences.

        Returns:
            The batch.
        """
        lengths = torch.Generator().manual_seed(step)
        length = int(torch.randint(self.shortest, self.longest + 1, (), generator=lengths))
        return self.sentences(_symbols(generator, n, length))

    def evaluation(self) -> list[Batch]:
        """The same strings of every length at all times.

        Returns:
            One batch a length.
        """
        return strings_of_lengths(range(self.shortest, self.longest + 1), self.n_evaluated, self)

    def sentences(self, symbols: Int[Tensor, "batch n_symbols"]) -> Batch:
        """Strings with all that stands around them.

        Args:
            symbols: Shape (batch, n_symbols), of 0, 1 and 2.

        Returns:
            The batch; [EOS] itself is only a target.
        """
        n, length = symbols.shape
        label = torch.where(has_more_ones(symbols), YES, NO)
        start, separator = torch.full((n, 1), BOS), torch.full((n, 1), SEP)
        tokens = torch.cat([start, symbols, separator, label[:, None]], dim=1)
        following = torch.cat([tokens[:, 1:], torch.full((n, 1), EOS)], dim=1)
        first = 0 if self.every_position else length + 1
        return Batch(tokens, tuple(range(first, length + 3)), following[:, first:])


def has_more_ones(symbols: Int[Tensor, "batch n_symbols"]) -> Bool[Tensor, " batch"]:
    """Whether strings hold more 1s than 0s.

    Args:
        symbols: Shape (batch, n_symbols).

    Returns:
        Shape (batch,).
    """
    return (symbols == ONE).sum(1) > (symbols == ZERO).sum(1)


def strings_of_lengths(lengths: range, n: int, task: Counting) -> list[Batch]:
    """Strings that are the same at all times, so many of every length.

    Args:
        lengths: Numbers of symbols.
        n: Strings of each length.
        task: Makes sentences of them.

    Returns:
        One batch a length.
    """
    generator = torch.Generator().manual_seed(EVALUATION_SEED)
    return [task.sentences(_symbols(generator, n, length)) for length in lengths]


def _symbols(generator: torch.Generator, n: int, length: int) -> Tokens:
    return torch.randint(N_SYMBOLS, (n, length), generator=generator)


TASK = Counting
