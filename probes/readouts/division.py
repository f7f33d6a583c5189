"""How read-outs are cut to some samples or to a piece of a long input, and what was read of pieces is put together."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn.functional import pad

from probes.shapes import Queried, QueryPositions, Reading

Part = TypeVar("Part", bound="OfSamples")
Mean = TypeVar("Mean", bound="MeanOverQueries")
Few = TypeVar("Few", bound="OfFewQueries")


@dataclass(frozen=True, eq=False)
class OfSamples:
    """Something whose tensors have the samples as first axis."""

    def part(self: Part, samples: slice) -> Part:
        """The same of some of the samples."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: value[samples] for name, value in values.items() if isinstance(value, Tensor)})


@dataclass(frozen=True, eq=False)
class MeanOverQueries:
    """A mean over the queries that count."""

    queries: Queried
    """Queries that count, shape (sample, query_pos)."""

    def within(self: Mean, piece: slice) -> Mean:
        """The mean over the queries of the piece."""
        return replace(self, queries=self.queries[:, piece])

    def joined(self, readings: Sequence[Tensor], pieces: Sequence[slice]) -> Reading:
        """The mean over the queries of all pieces."""
        return mean_of_pieces(readings, self.queries, pieces)


@dataclass(frozen=True, eq=False)
class OfFewQueries:
    """Something of a few queries, each of which lies in one piece."""

    query_positions: QueryPositions
    """Shape (sample, n_rows); -1 where there is none."""

    def within(self: Few, piece: slice) -> Few:
        """The queries of the piece; the others are missing there."""
        at = self.query_positions
        return replace(self, query_positions=torch.where((at >= piece.start) & (at < piece.stop), at - piece.start, -1))

    def joined(self, readings: Sequence[Tensor], pieces: Sequence[slice]) -> Reading:
        """The queries of all pieces; where a query is missing, 0 was read."""
        return torch.stack(of_one_length(readings)).sum(0)


def mean_of_pieces(means: Sequence[Tensor], queries: Queried, pieces: Sequence[slice]) -> Reading:
    """The mean over queries out of the means over those of each piece.

    Args:
        means: Shape (sample, ...) each; not a number for a sample of which the piece shows nothing.
        queries: Queries that count in the whole input, shape (sample, query_pos).
        pieces: Positions of each piece.

    Returns:
        Shape (sample, ...); not a number where no piece shows anything.
    """
    each = torch.stack(list(means))
    counts = torch.stack([queries[:, piece].sum(1) for piece in pieces])
    weights = counts.reshape(*counts.shape, *[1] * (each.ndim - 2))
    mean = (each.where(~each.isnan(), 0) * weights).sum(0) / weights.sum(0)
    return mean.where(~each.isnan().all(0), torch.nan)


def of_one_length(readings: Sequence[Tensor]) -> list[Tensor]:
    """Readings with a last axis as long as the longest: where whole rows were read, 0 for keys that were not there."""
    longest = max(reading.shape[-1] for reading in readings)
    return [pad(reading, (0, longest - reading.shape[-1])) for reading in readings]
