"""The same paper twice: by arXiv id, DOI or title; and titles so alike that someone should look.

An entry that is marked as superseded keeps its facts, so it is compared with nothing.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher
from itertools import chain, combinations

from catalog.documents import Document, Location
from catalog.dois import bare_doi
from catalog.errors import Code, Problem

SHARED_WORDS = 0.5
"""Share of their words, all taken together, that two titles must have in common to be compared at all."""
ALIKE = 0.88
"""Share of matching characters (difflib) from which two titles are reported."""
LONG_ENOUGH = 3
"""Words of a title before its colon from which it alone may give two papers away."""
_MEND = "delete one of the two entries, or mark the older one with superseded_by"


def normal_title(title: str) -> str:
    """Title without case, accents and punctuation.

    Args:
        title: A title as published.

    Returns:
        Its words, parted by single spaces; empty if it has none.
    """
    plain = title.casefold()
    if not plain.isascii():
        letters = unicodedata.normalize("NFKD", title).casefold()
        plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(re.findall(r"[^\W_]+", plain))


def normal_doi(doi: str) -> str:
    """DOI without a resolver and without case.

    Args:
        doi: A DOI, however it is written.

    Returns:
        What two spellings of one DOI have in common.
    """
    return bare_doi(doi).lower()


def same_papers(papers: Document, left_out: Document | None = None) -> Iterator[Problem]:
    """Papers that are surely the same.

    Args:
        papers: The document with the papers.
        left_out: The document with the papers that were left out.

    Yields:
        The problems.
    """
    yield from _shared(papers, "arxiv_id", str, "arXiv id", Code.SHARED_ARXIV_ID)
    yield from _shared(papers, "doi", normal_doi, "DOI", Code.SHARED_DOI)
    yield from _shared(papers, "title", normal_title, "title", Code.SHARED_TITLE)
    if left_out is not None:
        lines = {name: papers.values[path].line for path, name in papers.texts("arxiv_id")}
        for path, name in left_out.texts("arxiv_id"):
            if name in lines:
                message = f"arXiv id '{name}' is in papers.yaml too (line {lines[name]})"
                yield left_out.problem(path, Code.SHARED_ARXIV_ID, message, "keep it in one of the two files")


def _current(papers: Document, field: str) -> list[tuple[Location, str]]:
    """Texts of a field in the entries that no other entry replaces."""
    replaced = {path[0] for path, _ in papers.texts("superseded_by")}
    return [(path, text) for path, text in papers.texts(field) if path[0] not in replaced]


def _shared(papers: Document, field: str, normal: Callable[[str], str], kind: str, code: Code) -> Iterator[Problem]:
    first: dict[str, Location] = {}
    for path, text in _current(papers, field):
        name = normal(text)
        if name in first:
            line = papers.values[first[name]].line
            yield papers.problem(path, code, f"{kind} '{text}' is that of another paper (line {line})", _MEND)
        elif name:
            first[name] = path


def similar_titles(papers: Document) -> Iterator[Problem]:
    """Papers that may be the same: titles that differ in a few letters, or only behind the colon.

    Args:
        papers: The document with the papers.

    Yields:
        Warnings, each at the later of two entries.
    """
    titles = _current(papers, "title")
    normal = [normal_title(title) for _, title in titles]
    for earlier, later in sorted({*_alike(normal), *_same_start([title for _, title in titles])}):
        if normal[earlier] != normal[later]:
            path, line = titles[later][0], papers.values[titles[earlier][0]].line
            message = f"title is much like that of another paper: '{titles[earlier][1]}' (line {line})"
            yield papers.problem(path, Code.SIMILAR_TITLE, message, f"if they are one paper, {_MEND}")


def _same_start(titles: list[str]) -> Iterator[tuple[int, int]]:
    """Pairs that agree up to the colon."""
    starts: defaultdict[str, list[int]] = defaultdict(list)
    for position, title in enumerate(titles):
        start = normal_title(title.partition(":")[0])
        if start.count(" ") >= LONG_ENOUGH - 1:
            starts[start].append(position)
    return chain.from_iterable(combinations(positions, 2) for positions in starts.values())


def _alike(titles: list[str]) -> Iterator[tuple[int, int]]:
    """Pairs that agree in most of their characters."""
    for earlier, later in _with_common_words([set(title.split()) for title in titles]):
        matcher = SequenceMatcher(None, titles[earlier], titles[later], autojunk=False)
        if matcher.quick_ratio() >= ALIKE and matcher.ratio() >= ALIKE:
            yield earlier, later


def _with_common_words(titles: list[set[str]]) -> Iterator[tuple[int, int]]:
    """Pairs that may share enough words; found by rare words, so that few pairs are looked at.

    Two sets that overlap enough have one of their rarest words in common, as the others are too few (prefix
    filtering: Chaudhuri, Ganti and Kaushik, ICDE 2006).
    """
    frequency = Counter(chain.from_iterable(titles))
    seen: defaultdict[str, list[int]] = defaultdict(list)
    for later, words in enumerate(titles):
        rarest = sorted(words, key=lambda word: (frequency[word], word))
        candidates: set[int] = set()
        for word in rarest[: len(words) - math.ceil(SHARED_WORDS * len(words)) + 1]:
            candidates.update(seen[word])
            seen[word].append(later)
        for earlier in candidates:
            if len(words & titles[earlier]) >= SHARED_WORDS * len(words | titles[earlier]):
                yield earlier, later
