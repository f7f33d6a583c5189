"""Entries of a map at chosen keys, picked from its blocks while they exist."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from probes import cpu_kernels
from probes.blocks import Block
from probes.shapes import AttentionPattern


@dataclass(frozen=True)
class Entries:
    """Entries of one block that their queries see."""

    owner: Int[Tensor, " entry"]
    """Number of the table and of the sample that an entry belongs to: n_samples × table + sample."""

    is_owner: Bool[Tensor, " owner"]
    """Whether an owner has any entry here."""

    sample: Int[Tensor, " entry"]
    row: Int[Tensor, " entry"]
    """Row in the block."""

    key: Int[Tensor, " entry"]
    """Key in the block."""

    def sums(self, pattern: AttentionPattern) -> Float[Tensor, "head owner"]:
        """Sums of the entries of every owner.

        Args:
            pattern: The block's rows of the map, shape (batch, head, rows, key).

        Returns:
            One number a head and owner, in float64.
        """
        sums = torch.zeros(pattern.shape[1], len(self.is_owner), dtype=torch.float64, device=pattern.device)
        if cpu_kernels.fits(pattern):
            cpu_kernels.add_entries(sums, pattern, self.owner, self.sample, self.row, self.key)
            return sums
        return sums.index_add_(1, self.owner, pattern[self.sample, :, self.row, self.key].T.double())


class ChosenPairs:
    """Pairs of a query and a key out of several tables, in the order of the queries, so that a block finds its own."""

    def __init__(self, tables: Sequence[Int[Tensor, "batch query_pos _n_keys"]]) -> None:
        """Sort the pairs.

        Args:
            tables: Keys of every query, shape (batch, query_pos, n_keys) each; -1 where there is none.
        """
        widths = torch.tensor([table.shape[-1] for table in tables])
        keys = torch.cat(list(tables), dim=-1).transpose(0, 1)
        self._query, self._sample, slot = (keys >= 0).nonzero(as_tuple=True)
        self._key = keys[self._query, self._sample, slot]
        table = torch.repeat_interleave(torch.arange(len(tables)), widths)[slot]
        self._owner = table * keys.shape[1] + self._sample
        self._n_owners = len(tables) * keys.shape[1]
        self._first = torch.searchsorted(self._query, torch.arange(len(keys) + 1)).tolist()

    def entries(self, block: Block) -> Entries:
        """The block's pairs whose query sees the key.

        Args:
            block: The block.

        Returns:
            Their entries.
        """
        own = slice(self._first[block.start], self._first[block.stop])
        columns = [column[own].to(block.device) for column in (self._owner, self._sample, self._query, self._key)]
        _, sample, query, key = columns
        seen = (key < block.last_key) & (key >= block.first_key) & block.scoring.visible(sample, query, key)
        owner, sample, query, key = (column[seen] for column in columns)
        is_owner = torch.zeros(self._n_owners, dtype=torch.bool, device=block.device)
        is_owner[owner] = True
        return Entries(owner, is_owner, sample, query - block.start, key - block.first_key)
