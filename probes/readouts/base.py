"""What a read-out is: something to take from every layer of a forward pass, for all heads of all samples.

Two kinds: a `ReadOut` looks at a whole attention call and takes little of it; a `BlockReadOut` looks at every row of
the map, block by block while it is made.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from probes.blocks import Block
from probes.calls import AttentionCall
from probes.readouts.division import MeanOverQueries, OfSamples
from probes.shapes import AttendedColumns, PerHead, Queried, Reading

Known = TypeVar("Known")
Layer = TypeVar("Layer", bound="LayerReadOut")


@dataclass(frozen=True, eq=False)
class LayerReadOut(OfSamples, ABC):
    """Something to take from every layer, whole or piece by piece. One of the next two.

    In a piece of a long input, queries are counted from its first position, keys from the first of the whole input.
    """

    @abstractmethod
    def within(self: Layer, piece: slice) -> Layer:
        """What is to be read of a piece.

        Args:
            piece: Positions of the piece.
        """

    @abstractmethod
    def joined(self, readings: Sequence[Tensor], pieces: Sequence[slice]) -> Reading:
        """What would have been read of the whole input.

        Args:
            readings: What was read of each piece.
            pieces: Positions of each; together they are the whole input.
        """


@dataclass(frozen=True, eq=False)
class ReadOut(LayerReadOut, ABC):
    """Something to read from every attention call, such as a few rows of its map."""

    @abstractmethod
    def read(self, call: AttentionCall) -> PerHead:
        """Take what is wanted from one layer.

        Args:
            call: Its attention call.

        Returns:
            Shape (batch, head, ...).
        """


class Collector(ABC):
    """Gathers what several read-outs of a kind want from the blocks of one layer after the other."""

    @abstractmethod
    def take(self, block: Block) -> None:
        """Look at the next block of a layer's map.

        Args:
            block: The block; its tensors are not kept.
        """

    @abstractmethod
    def finish(self) -> list[PerHead]:
        """What each read-out wanted from the layer whose blocks were taken; the collector is then ready for the next.

        Returns:
            Shape (batch, head, ...) for each.
        """


class ByMask(Generic[Known]):
    """Something that is the same for the blocks of all layers in which the same queries see the same keys."""

    def __init__(self, make: Callable[[Block], Known]) -> None:
        """Nothing is known yet.

        Args:
            make: Makes it for a block.
        """
        self._make = make
        self._known: dict[Hashable, tuple[object, Known]] = {}

    def __call__(self, block: Block) -> Known:
        """What belongs to a block."""
        mask = block.scoring.mask
        like = (block.start, block.first_key, block.last_key, block.device, id(mask), block.scoring.is_causal)
        if like not in self._known:
            self._known[like] = mask, self._make(block)  # the mask is kept, so that its id stays its own
        return self._known[like][1]


@dataclass(frozen=True, eq=False)
class BlockReadOut(LayerReadOut, ABC):
    """Something of every row of a map, read from its blocks while they exist."""

    @staticmethod
    @abstractmethod
    def collector(read_outs: Sequence[Any]) -> Collector:
        """What gathers for several read-outs of this kind; they share what work they can.

        Args:
            read_outs: Read-outs of this kind.

        Returns:
            The collector, for one forward pass.
        """


@dataclass(frozen=True, eq=False)
class MeanReadOut(MeanOverQueries, BlockReadOut):
    """A number or a few of every row, averaged over the queries that count."""


class MeanCollector(Collector):
    """Gathers rows of several read-outs that are averaged over queries."""

    def __init__(self, read_outs: Sequence[MeanReadOut]) -> None:
        """Prepare for one forward pass.

        Args:
            read_outs: What to read.
        """
        self._queries = [read_out.queries for read_out in read_outs]
        self._rows: list[list[Tensor]] = [[] for _ in read_outs]

    @property
    def n_read_outs(self) -> int:
        """Read-outs that are gathered for."""
        return len(self._queries)

    @abstractmethod
    def of_rows(self, block: Block) -> Sequence[PerHead]:
        """What each read-out wants of the rows of a block, shape (batch, head, rows, ...)."""

    def take(self, block: Block) -> None:
        """Look at the next block of a layer's map."""
        for rows, part in zip(self._rows, self.of_rows(block), strict=True):
            rows.append(part)

    def finish(self) -> list[PerHead]:
        """Means over the queries that count."""
        wholes = [torch.cat(rows, dim=2) for rows in self._rows]
        self._rows = [[] for _ in self._rows]
        return [mean_over(queries, whole) for queries, whole in zip(self._queries, wholes, strict=True)]


@dataclass(frozen=True, eq=False)
class RowReadOut(MeanReadOut):
    """A mean of something that each block of rows gives by itself."""

    @abstractmethod
    def of_rows(self, block: Block) -> PerHead:
        """What is wanted of the rows of a block.

        Args:
            block: The block.

        Returns:
            Shape (batch, head, rows, ...).
        """

    @staticmethod
    def collector(read_outs: Sequence["RowReadOut"]) -> Collector:
        """Each for itself."""
        return _RowCollector(read_outs)


class _RowCollector(MeanCollector):
    def __init__(self, read_outs: Sequence[RowReadOut]) -> None:
        super().__init__(read_outs)
        self._read_outs = read_outs

    def of_rows(self, block: Block) -> list[PerHead]:
        return [read_out.of_rows(block) for read_out in self._read_outs]


@dataclass(frozen=True, eq=False)
class ColumnReadOut(MeanReadOut):
    """A mean of something that follows from attention applied to columns of one number a key."""

    @abstractmethod
    def columns(self, n_keys: int) -> Float[Tensor, "batch n_columns key_pos"]:
        """Numbers of every key.

        Args:
            n_keys: Keys of the layer.

        Returns:
            Shape (batch, n_columns, n_keys).
        """

    @abstractmethod
    def of_attended(self, attended: AttendedColumns, block: Block) -> PerHead:
        """What is wanted of the rows of a block.

        Args:
            attended: Attention applied to the columns, shape (batch, head, rows, n_columns).
            block: The block.

        Returns:
            Shape (batch, head, rows, ...).
        """

    @staticmethod
    def collector(read_outs: Sequence["ColumnReadOut"]) -> Collector:
        """All columns side by side, one product a block."""
        return _ColumnCollector(read_outs)


class _ColumnCollector(MeanCollector):
    def __init__(self, read_outs: Sequence[ColumnReadOut]) -> None:
        super().__init__(read_outs)
        self._read_outs = read_outs
        self._columns: Tensor | None = None
        self._widths: list[int] = []

    def of_rows(self, block: Block) -> list[PerHead]:
        if self._columns is None or self._columns.device != block.device:
            n_keys = self._queries[0].shape[1] + block.first_query
            columns = [read_out.columns(n_keys) for read_out in self._read_outs]
            self._columns = torch.cat(columns, dim=1).to(block.device)
            self._widths = [own.shape[1] for own in columns]
        parts = block.attend(self._columns).split(self._widths, dim=-1)
        return [read_out.of_attended(part, block) for read_out, part in zip(self._read_outs, parts, strict=True)]


@dataclass(frozen=True, eq=False)
class FinalReadOut(OfSamples, ABC):
    """Something to read once in a pass from the residual stream as it enters the final norm."""

    @abstractmethod
    def read_residual(self, residual: Tensor) -> Reading:
        """Take what is wanted.

        Args:
            residual: Shape (batch, pos, d_model).

        Returns:
            Shape (batch, ...).
        """


def mean_over(queries: Queried, values: Tensor) -> Tensor:
    """Mean over the queries that count.

    Args:
        queries: Which count, shape (batch, query_pos).
        values: Shape (batch, head, query_pos, ...); all behind may be missing.

    Returns:
        Shape (batch, head, ...); not a number for a sample without such a query.
    """
    present = queries[:, : values.shape[2]].to(values.device, values.dtype)
    counts = present[:, None].reshape(len(present), 1, -1, *[1] * (values.ndim - 3))
    return (values * counts).sum(2) / counts.sum(2)
