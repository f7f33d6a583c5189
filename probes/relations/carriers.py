"""Texts around the words of a relation: carrier sentences, and texts whose next word is the target."""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from catalog.relations import GAP, Relation
from probes.adapters.base import ProbedModel
from probes.inputs import TokenBatch
from probes.relations.token_pairs import TokenPairs, token_pairs


@dataclass(frozen=True, eq=False)
class Carrier:
    """One text with every source of a relation in its gap."""

    text: str
    batch: TokenBatch
    source_pos: int
    """Position of the source in all samples."""

    accepted: Int[Tensor, "pair target"]
    """Right next tokens, filled up with -1."""


def carrier(model: ProbedModel, text: str, pairs: TokenPairs) -> Carrier:
    """A text with sources in its gap, all of one length, because every source is one token.

    Args:
        model: The model, with its tokenizer.
        text: Holds the gap once, behind a space.
        pairs: The pairs.

    Returns:
        One sample a pair.
    """
    before, after = text.split(GAP)
    first = torch.tensor(model.tokenizer(before.removesuffix(" "))["input_ids"], dtype=torch.int64)
    last = torch.tensor(model.tokenizer(after, add_special_tokens=False)["input_ids"], dtype=torch.int64)
    n_pairs = len(pairs)
    tokens = torch.cat([first.expand(n_pairs, -1), pairs.sources[:, None], last.expand(n_pairs, -1)], dim=1)
    return Carrier(text, TokenBatch(tokens, description=text), len(first), pairs.accepted)


def chosen_pairs(
    relation: Relation, model: ProbedModel, texts: list[str], most_pairs: int, generator: torch.Generator
) -> TokenPairs:
    """Pairs that all of some texts can be asked about, because none shows their source, no more than are wanted.

    Args:
        relation: The relation.
        model: The model, with its tokenizer.
        texts: Prompts or completions.
        most_pairs: A random choice is made if there are more.
        generator: Source of the choice.

    Returns:
        The pairs.
    """
    unseen = set(relation.targets).intersection(*(relation.unseen(text) for text in texts))
    pairs = token_pairs(relation, model.tokenizer, model.shape.d_vocab, only=unseen)
    chosen = torch.randperm(len(pairs), generator=generator)[:most_pairs].sort().values
    return pairs.at(chosen)
