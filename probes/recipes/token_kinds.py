"""Kinds of tokens that detectors on text tell apart: delimiters, the commonest ids, and rare ids.

What is common is counted in our own essays with the model's own tokenizer. They are too short to say what is rare;
there the order of the ids has to serve, which in most vocabularies follows the order in which pieces were merged and
so, by and large, their frequency. How well it does for this tokenizer is part of the marks.
"""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from scipy.stats import spearmanr
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.inputs import TokenBatch
from probes.recipes.base import Recipe

ESSAYS = Path(__file__).with_name("haystack")
N_COMMON = 100
"""Ids that count as common."""

PUNCTUATION = frozenset('.,;:!?()[]{}"“”«»…—–。、，；：！？')
"""Marks that separate; apostrophes and hyphens stand inside words."""


@dataclass(frozen=True)
class KindsMarked(Recipe):
    """Another recipe's input, with the kinds of its tokens marked."""

    inner: Recipe

    def batch(self, model: ProbedModel) -> TokenBatch:
        """The other recipe's batch with marks; none if the model has no tokenizer."""
        return with_token_kinds(self.inner.batch(model), model)


def with_token_kinds(batch: TokenBatch, model: ProbedModel) -> TokenBatch:
    """A batch with marks that say of what kind its tokens are.

    Args:
        batch: What the model reads.
        model: The model; without a tokenizer the batch stays as it is.

    Returns:
        The batch with marks `is_delimiter` and `is_common`, truth values of shape (batch, pos), and `id_order`, shape
        (batch, 1): Spearman's correlation between id and frequency in our essays, from -1 (ids go from common to
        rare) to 1.
    """
    if model.tokenizer is None:
        return batch
    counts = _counts(model.tokenizer)
    kinds = {
        "is_delimiter": torch.isin(batch.tokens, _delimiters(batch.tokens, model.tokenizer)),
        "is_common": torch.isin(batch.tokens, torch.tensor([id_ for id_, _ in counts.most_common(N_COMMON)])),
        "id_order": torch.full((len(batch.tokens), 1), _id_order(counts)),
    }
    return replace(batch, marks={**batch.marks, **kinds})


def _counts(tokenizer: Any) -> Counter[int]:
    """How often each id stands in our essays."""
    texts = [file.read_text(encoding="utf-8") for file in sorted(ESSAYS.glob("*.txt"))]
    return Counter(id_ for text in texts for id_ in tokenizer(text)["input_ids"])


def _id_order(counts: Counter[int]) -> float:
    """Rank correlation between ids and how often they occur."""
    return float(spearmanr(list(counts.keys()), list(counts.values())).statistic)


def _delimiters(tokens: Tensor, tokenizer: Any) -> Tensor:
    """Those of the ids in the batch that are special tokens, line breaks or nothing but punctuation."""
    special = {*tokenizer.all_special_ids}
    found = [id_ for id_ in tokens.unique().tolist() if id_ in special or _separates(tokenizer.decode([id_]))]
    return torch.tensor(found, dtype=torch.int64)


def _separates(text: str) -> bool:
    bare = text.strip()
    return set(bare) <= PUNCTUATION if bare else "\n" in text
