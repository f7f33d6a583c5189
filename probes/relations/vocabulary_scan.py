"""Ranks of accepted targets in the whole vocabulary, for every row, from both ends, without sorting.

The vocabulary is read in nested strides, from a thin one to all of it, so that every block is spread over the
vocabulary and nothing is copied. A row is left as soon as enough other tokens stand above its target, and enough below:
most heads do not implement most relations, so most logits are never computed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

FIRST_STRIDE = 256
"""One column in so many is looked at first."""

ENTRIES_AT_ONCE = 1 << 22
"""Logits that are held at a time."""


@dataclass(frozen=True)
class Beyond:
    """How many other tokens stand beyond the accepted targets of each row; counts end at the largest asked for."""

    above: Int[Tensor, "head row"]
    """Tokens with a logit at least as high as the highest of the accepted ones."""

    below: Int[Tensor, "head row"]
    """Tokens with a logit at most as high as the lowest of the accepted ones."""


@dataclass(frozen=True)
class Scan:
    """Rows values @ W_O @ W_U of some heads, and the tokens that count as right in each."""

    values: Float[Tensor, "head row d_value"]
    W_O: Float[Tensor, "head d_value d_model"] | None
    """Output projections; None if the unembedding reads the values as they are."""

    W_U: Float[Tensor, "d_model d_vocab"]
    accepted: Int[Tensor, "row target"]
    """Token ids, filled up with -1; at least one a row."""

    def count(self, n_largest: int, *, first_stride: int = FIRST_STRIDE) -> Beyond:
        """Count the tokens beyond the accepted targets.

        Args:
            n_largest: Counts end here.
            first_stride: A power of two; changes the cost, never the counts.

        Returns:
            Counts by head and row; a token that ties with the target counts, another accepted one never does.
        """
        n_heads, n_rows = self.values.shape[:2]
        targets = self.W_U.T[self.accepted.clamp(min=0)].float()
        extremes = [self._extremes(head, targets) for head in range(n_heads)]
        highest, lowest = map(torch.cat, zip(*extremes, strict=True))
        above, below = highest.new_zeros(2, n_heads * n_rows, dtype=torch.int64)
        undecided = torch.arange(n_heads * n_rows, device=highest.device)
        for start, stride in _strides(first_stride):
            block = self.W_U[:, start::stride].float()
            for places, logits in self._logits(undecided, block):
                _blank(logits, self.accepted[places % n_rows], start, stride)
                above[places] += (logits >= highest[places, None]).sum(1)
                below[places] += (logits <= lowest[places, None]).sum(1)
            undecided = undecided[(above[undecided] < n_largest) | (below[undecided] < n_largest)]
            if not len(undecided):
                break
        above, below = (counts.clamp(max=n_largest).unflatten(0, (n_heads, n_rows)) for counts in (above, below))
        return Beyond(above, below)

    def _written(self, head: int, rows: Tensor) -> Tensor:
        """What the unembedding reads of some rows of a head."""
        return self.values[head, rows] if self.W_O is None else self.values[head, rows] @ self.W_O[head]

    def _extremes(self, head: int, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Highest and lowest logit among the accepted targets of every row; their directions are given."""
        rows = torch.arange(self.values.shape[1], device=self.values.device)
        own = (targets @ self._written(head, rows)[:, :, None]).squeeze(2)
        is_missing = self.accepted < 0
        return own.masked_fill(is_missing, -torch.inf).amax(1), own.masked_fill(is_missing, torch.inf).amin(1)

    def _logits(self, undecided: Tensor, block: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Logits of a block for rows of all heads, a part at a time, with their places.

        A head with many rows left is multiplied with the block first; what is left of all others is read together.
        """
        n_rows, n_at_once = self.values.shape[1], max(1, ENTRIES_AT_ONCE // max(1, block.shape[1]))
        by_head = undecided.split((undecided // n_rows).bincount(minlength=len(self.values)).tolist())
        others = []
        for head, places in enumerate(by_head):
            if self._is_worth_a_product(len(places)):
                projected = self.W_O[head] @ block  # type: ignore[index]
                for part in places.split(n_at_once):
                    yield part, self.values[head, part % n_rows] @ projected
            elif len(places):
                others.append((places, self._written(head, places % n_rows)))
        if others:
            places, written = map(torch.cat, zip(*others, strict=True))
            for part, rows in zip(places.split(n_at_once), written.split(n_at_once), strict=True):
                yield part, rows @ block

    def _is_worth_a_product(self, n_rows: int) -> bool:
        """Whether W_O @ W_U costs less than it saves for so many rows."""
        if self.W_O is None:
            return False
        _, d_value, d_model = self.W_O.shape
        return n_rows * (d_model - d_value) > d_value * d_model


def _blank(logits: Tensor, accepted: Tensor, start: int, stride: int) -> None:
    """Make the accepted tokens of a block no numbers, which are neither above nor below."""
    is_here = (accepted >= start) & ((accepted - start) % stride == 0)
    row, target = is_here.nonzero(as_tuple=True)
    logits[row, (accepted[row, target] - start) // stride] = torch.nan


def _strides(first: int) -> Iterator[tuple[int, int]]:
    """Start and stride of blocks that double in size and together hold every column once."""
    yield 0, first
    while first > 1:
        yield first // 2, first
        first //= 2
