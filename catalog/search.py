"""Search of the catalogue without a network: TF-IDF by scikit-learn over words stemmed by Snowball.

scikit-learn ranks because it is kept well and serves the related papers too; stems rather than letter n-grams, so that
"no match" means that no word of the query stands in any paper.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from catalog.errors import ArxivIdError, MissingPackageError
from catalog.ids import parse_arxiv_id
from catalog.models import Paper

if TYPE_CHECKING:
    from catalog.registry import Registry

WORD = re.compile(r"[0-9]{4}\.[0-9]{4,5}|[a-z-]+/[0-9]{7}|\w+(?:[-‐‑]\w+)*")
"""An arXiv id, or a word with its hyphens."""


class Match(NamedTuple):
    """A paper that was found, and how well it fits."""

    paper: Paper
    score: float
    """Cosine between query and paper, above 0 and at most 1."""


def search_papers(registry: Registry, query: str) -> list[Match]:
    """Papers that hold words of the query, best first.

    Args:
        registry: The registry.
        query: Words, arXiv ids or addresses of arXiv pages.

    Returns:
        The papers; empty if no word of the query stands in any.

    Raises:
        MissingPackageError: scikit-learn or snowballstemmer is not installed.
    """
    split = _make_splitter()
    from sklearn.feature_extraction.text import TfidfVectorizer

    papers = list(registry.papers.values())
    if not papers:
        return []
    vectorizer = TfidfVectorizer(analyzer=split, sublinear_tf=True)
    matrix = vectorizer.fit_transform([paper_words(paper, registry) for paper in papers])
    scores = (matrix @ vectorizer.transform([_with_plain_ids(query)]).T).toarray().ravel()
    matches = [Match(paper, float(score)) for paper, score in zip(papers, scores, strict=True) if score > 0]
    return sorted(matches, key=lambda match: (-match.score, match.paper.id))


def paper_words(paper: Paper, registry: Registry) -> str:
    """Everything about a paper that a search looks at, as one text.

    Args:
        paper: The paper.
        registry: Knows the names and aliases of its head types.

    Returns:
        Title, authors, ids, head types, tags, models and summary.
    """
    head_types = [registry.head_types[name] for name in paper.head_types if name in registry.head_types]
    tags, summary = paper.tags, paper.summary
    return "\n".join(
        [
            paper.title,
            *paper.authors,
            paper.id,
            paper.arxiv_id or "",
            *(name for head_type in head_types for name in (head_type.name, *head_type.aliases)),
            *(*tags.methods, *tags.domains, *tags.modalities, *tags.model_families),
            *paper.models,
            *(summary.innovation, summary.tasks, summary.result),
        ]
    )


def _with_plain_ids(query: str) -> str:
    """The query, with arXiv ids in plain form however they were written."""
    words = []
    for word in query.split():
        try:
            words.append(parse_arxiv_id(word))
        except ArxivIdError:
            words.append(word)
    return " ".join(words)


def _make_splitter() -> Callable[[str], Iterator[str]]:
    """Function that gives the stems of a text: no accents, no filler words, hyphenated words in parts and in one."""
    try:
        import snowballstemmer
        from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, strip_accents_unicode
    except ImportError as error:
        raise MissingPackageError(error.name or "scikit-learn", "search") from error
    stem = cache(snowballstemmer.stemmer("english").stemWord)

    def split(text: str) -> Iterator[str]:
        for word in WORD.findall(strip_accents_unicode(text.lower())):
            parts = re.split("[-‐‑]", word)
            joined = ["".join(parts)] if len(parts) > 1 else []
            yield from (stem(part) for part in (*joined, *parts) if part not in ENGLISH_STOP_WORDS)

    return split
