"""What a read-out is: something to take from every layer of a forward pass, for all heads of all samples."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from probes.calls import AttentionCall
from probes.shapes import AttendedColumns, PerHead, Queried, Reading

Part = TypeVar("Part")


@dataclass(frozen=True, eq=False)
class ReadOut(ABC):
    """Something to read from every attention call; its tensors have the samples as first axis."""

    @abstractmethod
    def read(self, call: AttentionCall) -> PerHead:
        """Take what is wanted from one layer.

        Args:
            call: Its attention call.

        Returns:
            Shape (batch, head, ...).
        """

    @staticmethod
    def read_together(read_outs: Sequence[Any], call: AttentionCall) -> list[PerHead]:
        """Take what several read-outs of this kind want from one layer; kinds that can share work do so here."""
        return [read_out.read(call) for read_out in read_outs]

    def part(self: Part, samples: slice) -> Part:
        """The same read-out of some of the samples."""
        return samples_of(self, samples)


@dataclass(frozen=True, eq=False)
class ColumnReadOut(ReadOut):
    """A read-out that follows from attention applied to columns; all of them share the kernel's calls."""

    @abstractmethod
    def columns(self, call: AttentionCall) -> Tensor:
        """Numbers of every key.

        Args:
            call: The layer's attention call.

        Returns:
            Shape (batch, key_pos, n_columns).
        """

    @abstractmethod
    def finish(self, attended: AttendedColumns, call: AttentionCall) -> PerHead:
        """What is wanted, out of the attention applied to the columns.

        Args:
            attended: Shape (batch, head, query_pos, n_columns).
            call: The layer's attention call.

        Returns:
            Shape (batch, head, ...).
        """

    def read(self, call: AttentionCall) -> PerHead:
        """Take what is wanted from one layer."""
        return self.finish(call.attend(self.columns(call)[:, None]), call)

    @staticmethod
    def read_together(read_outs: Sequence[Any], call: AttentionCall) -> list[PerHead]:
        """Take what several want from one layer, all columns side by side."""
        columns = [read_out.columns(call).to(call.device) for read_out in read_outs]
        attended = call.attend(torch.cat(columns, dim=-1)[:, None])
        parts = attended.split([part.shape[-1] for part in columns], dim=-1)
        return [read_out.finish(part, call) for read_out, part in zip(read_outs, parts, strict=True)]


@dataclass(frozen=True, eq=False)
class FinalReadOut(ABC):
    """Something to read once in a pass from the residual stream as it enters the final norm."""

    @abstractmethod
    def read_residual(self, residual: Tensor) -> Reading:
        """Take what is wanted.

        Args:
            residual: Shape (batch, pos, d_model).

        Returns:
            Shape (batch, ...).
        """

    def part(self: Part, samples: slice) -> Part:
        """The same read-out of some of the samples."""
        return samples_of(self, samples)


def samples_of(whole: Part, samples: slice) -> Part:
    """A dataclass with the tensors of some of the samples.

    Args:
        whole: A dataclass whose tensors have the samples as first axis.
        samples: Which.

    Returns:
        The same with fewer samples.
    """
    values = {field.name: getattr(whole, field.name) for field in fields(whole)}  # type: ignore[arg-type]
    tensors = {name: value[samples] for name, value in values.items() if isinstance(value, Tensor)}
    return replace(whole, **tensors)  # type: ignore[type-var]


def mean_over(queries: Queried, values: Tensor) -> Tensor:
    """Mean over the queries that count.

    Args:
        queries: Which count, shape (batch, query_pos).
        values: Shape (batch, head, query_pos, ...).

    Returns:
        Shape (batch, head, ...); not a number for a sample without such a query.
    """
    counts = queries.to(values.device, values.dtype)[:, None].reshape(queries.shape[0], 1, -1, *[1] * (values.ndim - 3))
    return (values * counts).sum(2) / counts.sum(2)
