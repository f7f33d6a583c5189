"""Relations in the tokens of a model: pairs whose words the tokenizer keeps whole."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from catalog.relations import Relation
from probes.inputs import padded
from probes.single_tokens import single_token_id


@dataclass(frozen=True, eq=False)
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

    def at(self, chosen: Int[Tensor, " chosen"]) -> "TokenPairs":
        """Some of the pairs."""
        return replace(self, sources=self.sources[chosen], accepted=self.accepted[chosen])

    @property
    def n_targets(self) -> int:
        """Distinct tokens that are right for some source."""
        return int((self.accepted.unique() >= 0).sum())

    @property
    def majority(self) -> float:
        """Share of pairs that the one best guess for all of them gets right."""
        targets = self.accepted.unique()
        shares = [(self.accepted == target).any(1).double().mean() for target in targets[targets >= 0]]
        return max(map(float, shares), default=0.0)


def token_pairs(relation: Relation, tokenizer: Any, d_vocab: int, only: Collection[str] | None = None) -> TokenPairs:
    """The pairs of a relation in tokens; a space goes in front of every word.

    Args:
        relation: The relation.
        tokenizer: A transformers tokenizer, or None, which leaves no pair.
        d_vocab: Rows of the embedding; ids from there on are none of the model's.
        only: Sources that may be used; all if left out.

    Returns:
        The pairs whose source and at least one target are single tokens; there may be none.
    """

    def ids_of(words: Sequence[str]) -> list[int]:
        ids = [single_token_id(tokenizer, f" {word}") for word in words]
        return list(dict.fromkeys(number for number in ids if number is not None and number < d_vocab))

    candidates = {word: right for word, right in relation.targets.items() if only is None or word in only}
    in_tokens = [] if tokenizer is None else [(ids_of([word]), ids_of(right)) for word, right in candidates.items()]
    kept = [(source[0], right) for source, right in in_tokens if source and right]
    return TokenPairs(
        relation=relation.id,
        sources=torch.tensor([source for source, _ in kept], dtype=torch.int64),
        accepted=padded([right for _, right in kept], filler=-1)[0] if kept else torch.empty(0, 1, dtype=torch.int64),
        n_candidates=len(candidates),
    )


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
