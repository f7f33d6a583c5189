"""Relations in the tokens of a model: pairs whose words the tokenizer keeps whole."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor


@dataclass(frozen=True)
class TokenPairs:
    """The pairs of a relation that a tokenizer leaves: one source token each, and every target token that is right."""

    relation: str
    """Name of the relation."""

    sources: Int[Tensor, " pair"]
    accepted: Int[Tensor, "pair target"]
    """Filled up with -1."""

    n_candidates: int
    """Pairs before the tokenizer was asked."""

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def n_targets(self) -> int:
        """Distinct tokens that are right for some source."""
        return int((self.accepted.unique() >= 0).sum())

    @property
    def majority(self) -> float:
        """Share of pairs that the one best guess for all of them gets right."""
        is_right = [bool_of.any(1) for bool_of in (self.accepted == target for target in self.accepted.unique()[1:])]
        return max((float(right.double().mean()) for right in is_right), default=0.0)

    @property
    def is_copying(self) -> bool:
        """Whether every source is its own target."""
        return bool((self.accepted == self.sources[:, None]).any(1).all())


def side_by_side(relations: Sequence[TokenPairs]) -> tuple[Int[Tensor, " pair"], Int[Tensor, "pair target"]]:
    """The pairs of several relations in one batch.

    Args:
        relations: At least one.

    Returns:
        Sources and accepted targets of all pairs, relation after relation.
    """
    width = max(one.accepted.shape[1] for one in relations)
    rows = [torch.nn.functional.pad(one.accepted, (0, width - one.accepted.shape[1]), value=-1) for one in relations]
    return torch.cat([one.sources for one in relations]), torch.cat(rows)
