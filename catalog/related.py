"""Related papers: for every paper the nearest others by title, summary, head types and tags.

How they are compared was chosen on papers judged by hand (tests/tools/compare_related.py prints the comparison).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from catalog.errors import MissingPackageError
from catalog.models import Paper
from catalog.registry import Registry

N_RELATED = 8

TITLE_WEIGHT = 2
"""How often the words of the title count, beside those of the summary."""
HEAD_TYPE_WEIGHT = 2
"""How often a head type counts, beside a tag."""


@dataclass(frozen=True)
class Related:
    """One paper that another leads to."""

    paper_id: str
    score: float
    """Nearness, from 0 to 1."""
    shared_head_types: tuple[str, ...]
    """Head types that both papers name, in alphabetical order."""


@dataclass(frozen=True)
class Recipe:
    """What papers are compared by."""

    texts: Literal["word", "char_wb"]
    """Title and summary by whole words, or by runs of three to five letters within words (so that "retrieval" meets
    "retrieve")."""
    label_share: float
    """How much head types and tags count beside the texts, from 0 to 1."""


RECIPE = Recipe(texts="char_wb", label_share=0.5)


_TEXT_SETTINGS: dict[str, dict[str, Any]] = {
    "word": {"sublinear_tf": True, "stop_words": "english", "token_pattern": r"[^\W_]{2,}"},
    "char_wb": {"sublinear_tf": True, "analyzer": "char_wb", "ngram_range": (3, 5)},
}


def related(registry: Registry, recipe: Recipe = RECIPE) -> dict[str, list[Related]]:
    """The nearest papers of every paper, nearest first, ties in order of id.

    Args:
        registry: The papers. Those that others supersede are related to nothing, and nothing to them.
        recipe: What they are compared by.

    Returns:
        At most eight papers for every id; fewer where no other paper has anything in common.

    Raises:
        MissingPackageError: scikit-learn is not installed.
    """
    papers = sorted((paper for paper in registry.papers.values() if not paper.superseded_by), key=lambda each: each.id)
    found: dict[str, list[Related]] = {paper_id: [] for paper_id in registry.papers}
    if len(papers) > 1:
        # Rounded before sorting: the last digits of a sum differ between machines, and must not decide an order.
        nearness = _nearness(papers, registry, recipe).round(6).clip(max=1.0)
        order = (-nearness).argsort(axis=1, kind="stable")[:, : N_RELATED + 1]
        for paper, scores, places in zip(papers, nearness, order, strict=True):
            near = [(papers[place], float(scores[place])) for place in places if scores[place] > 0]
            found[paper.id] = _without(paper, near)[:N_RELATED]
    return found


def _without(paper: Paper, near: list[tuple[Paper, float]]) -> list[Related]:
    return [Related(other.id, score, _shared(paper, other)) for other, score in near if other is not paper]


def _shared(paper: Paper, other: Paper) -> tuple[str, ...]:
    return tuple(sorted(set(paper.head_types) & set(other.head_types)))


def _nearness(papers: list[Paper], registry: Registry, recipe: Recipe) -> Any:
    """Array of the cosines of every pair of papers, by text and by label; without labels nothing is added for them."""
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped, unused-ignore]
    except ImportError as error:
        raise MissingPackageError("scikit-learn", "site") from error

    def cosines(documents: list[Any], **settings: Any) -> Any:
        vectors = TfidfVectorizer(**settings).fit_transform(documents)
        return (vectors @ vectors.T).toarray()

    settings = _TEXT_SETTINGS[recipe.texts]
    nearness = (1 - recipe.label_share) * cosines([_text(paper) for paper in papers], **settings)
    labels = [_labels(paper, registry) for paper in papers]
    if any(labels):
        nearness += recipe.label_share * cosines(labels, analyzer=list)
    return nearness


def _text(paper: Paper) -> str:
    summary = paper.summary
    return " ".join([paper.title] * TITLE_WEIGHT + [summary.innovation, summary.tasks, summary.result])


def _labels(paper: Paper, registry: Registry) -> list[str]:
    known = (registry.head_types[name] for name in paper.head_types if name in registry.head_types)
    heads = [f"head type: {name}" for name in paper.head_types] * HEAD_TYPE_WEIGHT
    broader = [f"head type: {name}" for head_type in known for name in head_type.broader]
    tags = paper.tags
    words = [*tags.methods, *tags.domains, *tags.modalities, *tags.model_families]
    return [*heads, *broader, *(f"tag: {word}" for word in words)]
