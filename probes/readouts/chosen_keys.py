"""Entries of a map at keys that are chosen for every query, picked from its blocks while they exist."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from probes.kernels import Block
from probes.readouts.base import BlockReadOut, ByMask, Collector
from probes.readouts.division import mean_of_pieces
from probes.shapes import AttentionPattern, KeyPositions, PerHead, Reading

Chosen = TypeVar("Chosen", bound="ChosenKeysReadOut")


@dataclass(frozen=True, eq=False)
class ChosenKeysReadOut(BlockReadOut):
    """Something of the entries at chosen keys, summed over keys and averaged over the queries that have any.

    Shape (batch, head); not a number for a sample in which the layer sees none of the keys, such as a sliding window
    that is shorter than the way back to them.
    """

    key_positions: KeyPositions
    """Shape (sample, query_pos, n_keys), counted from 0; -1 where there is none."""

    def within(self: Chosen, piece: slice) -> Chosen:
        """The keys of the queries of the piece."""
        return replace(self, key_positions=self.key_positions[:, piece])

    def joined(self, readings: Sequence[Tensor], pieces: Sequence[slice]) -> Reading:
        """The mean over the queries of all pieces."""
        return mean_of_pieces(readings, (self.key_positions >= 0).any(-1), pieces)


@dataclass(frozen=True)
class Entries:
    """Entries of one block that their queries see."""

    owner: Int[Tensor, " entry"]
    """Number of the read-out and of the sample that an entry belongs to: n_samples × read-out + sample."""

    is_owner: Bool[Tensor, " owner"]
    """Whether an owner has any entry here."""

    sample: Int[Tensor, " entry"]
    row: Int[Tensor, " entry"]
    """Row in the block."""

    key: Int[Tensor, " entry"]
    """Key in the block."""

    @cached_property
    def in_order(self) -> Int[Tensor, " entry"]:
        """The entries as numbers that grow by owner, then row, then key; see number."""
        return self.number(self.owner, self.row, self.key).sort().values

    @staticmethod
    def number(owner: Tensor, row: Tensor, key: Tensor) -> Tensor:
        """One number for an owner, a row and a key, for shapes that broadcast against each other."""
        return (owner << 40) + (row << 32) + key

    def holds(self, owner: Tensor, row: Tensor, key: Tensor) -> Bool[Tensor, "..."]:
        """Whether there is such an entry, for shapes that broadcast against each other."""
        wanted = self.number(owner, row, key)
        if not len(self.in_order):
            return torch.zeros_like(wanted, dtype=torch.bool)
        place = torch.searchsorted(self.in_order, wanted).clamp(max=len(self.in_order) - 1)
        return self.in_order[place] == wanted

    def of_pattern(self, pattern: AttentionPattern) -> Float[Tensor, "head entry"]:
        """The entries themselves."""
        _, n_heads, n_rows, n_keys = pattern.shape
        in_head = self.row * n_keys + self.key
        if len(pattern) == 1:
            return pattern.view(n_heads, -1).index_select(1, in_head)
        first_head = self.sample * n_heads * n_rows * n_keys + in_head
        return pattern.flatten()[first_head + torch.arange(n_heads, device=pattern.device)[:, None] * n_rows * n_keys]


class ChosenKeysCollector(Collector):
    """Gathers for several read-outs, the pairs of all of them side by side: one gather a block."""

    def __init__(self, read_outs: Sequence[ChosenKeysReadOut]) -> None:
        """Sort the pairs of a query and a key in the order of the queries, so that a block finds its own.

        Args:
            read_outs: What to read.
        """
        tables = [read_out.key_positions for read_out in read_outs]
        self._entries = ByMask(_Pairs(tables).entries)
        self._n_rows = torch.stack([(table >= 0).any(-1).sum(-1) for table in tables])
        self._sums: Any = 0
        self._is_seen: Any = False

    @property
    def n_owners(self) -> int:
        """Pairs of a read-out and a sample."""
        return self._n_rows.numel()

    @abstractmethod
    def sums(self, entries: Entries, block: Block) -> Float[Tensor, "head owner"]:
        """What the entries of a block add up to."""

    def take(self, block: Block) -> None:
        """Look at the next block of a layer's map."""
        entries = self._entries(block)
        self._sums, self._is_seen = self._sums + self.sums(entries, block), self._is_seen | entries.is_owner

    def finish(self) -> list[PerHead]:
        """Means over the queries that have a key."""
        means = torch.where(self._is_seen, self._sums / self._n_rows.flatten().to(self._sums.device), torch.nan)
        self._sums, self._is_seen = 0, False
        return list(means.T.unflatten(0, self._n_rows.shape))


class _Pairs:
    """Pairs of a query and a key out of several tables."""

    def __init__(self, tables: Sequence[Int[Tensor, "batch query_pos _n_keys"]]) -> None:
        widths = torch.tensor([table.shape[-1] for table in tables])
        keys = torch.cat(list(tables), dim=-1).transpose(0, 1)
        self._query, self._sample, slot = (keys >= 0).nonzero(as_tuple=True)
        self._key = keys[self._query, self._sample, slot]
        table = torch.repeat_interleave(torch.arange(len(tables)), widths)[slot]
        self._owner = table * keys.shape[1] + self._sample
        self._n_owners = len(tables) * keys.shape[1]
        self._first = torch.searchsorted(self._query, torch.arange(len(keys) + 1)).tolist()

    def entries(self, block: Block) -> Entries:
        """The block's pairs whose query sees the key."""
        own = slice(self._first[block.start], self._first[block.stop])
        columns = [column[own].to(block.device) for column in (self._owner, self._sample, self._query, self._key)]
        _, sample, query, key = columns
        seen = (key < block.last_key) & (key >= block.first_key) & block.scoring.visible(sample, query, key)
        owner, sample, query, key = (column[seen] for column in columns)
        is_owner = torch.zeros(self._n_owners, dtype=torch.bool, device=block.device)
        is_owner[owner] = True
        return Entries(owner, is_owner, sample, query - block.start, key - block.first_key)
