"""Where the catalogue and arXiv have drifted apart."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING

from catalog.models import Paper, Record

if TYPE_CHECKING:
    from catalog.arxiv.records import ArxivRecord


class Drift(Record):
    """One difference between an entry and arXiv's record."""

    paper: str
    arxiv_id: str
    what: str
    ours: str | None = None
    arxiv: str


def find_drift(paper: Paper, record: ArxivRecord) -> Iterator[Drift]:
    """What arXiv says otherwise than the entry; spelling with capitals, accents or full stops does not count.

    A version is news only if it came after the entry had joined the catalogue.

    Args:
        paper: The entry.
        record: arXiv's record of the same paper.

    Yields:
        The differences.
    """

    def drift(what: str, ours: str | None, theirs: str) -> Drift:
        return Drift(paper=paper.id, arxiv_id=record.arxiv_id, what=what, ours=ours, arxiv=theirs)

    if record.is_withdrawn:
        yield drift("withdrawn", None, record.comment or "")
    if _essence(paper.title) != _essence(record.title):
        yield drift("title", paper.title, record.title)
    if [*map(_essence, paper.authors)] != [*map(_essence, record.authors)]:
        yield drift("authors", ", ".join(paper.authors), ", ".join(record.authors))
    if record.version > 1 and record.updated.isoformat() > paper.added:
        yield drift("version", None, f"v{record.version}")
    if record.journal_ref and not paper.venue:
        yield drift("journal reference", None, record.journal_ref)
    if record.doi and record.doi.lower() != (paper.doi or "").lower():
        yield drift("DOI", paper.doi, record.doi)


def _essence(text: str) -> str:
    """Letters and digits alone, small and without accents."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKD", text)).casefold()
