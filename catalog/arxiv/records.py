"""What arXiv says about one paper."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from catalog.arxiv.answers import PassingTroubleError
from catalog.dois import bare_doi
from catalog.errors import ArxivIdError
from catalog.ids import parse_arxiv_id
from catalog.texts import one_line

if TYPE_CHECKING:
    from arxiv import Result


@dataclass(frozen=True)
class ArxivRecord:
    """What arXiv says about one paper today."""

    arxiv_id: str
    version: int
    title: str
    authors: list[str]
    submitted: date
    updated: date
    """Day of the newest version."""
    comment: str | None
    journal_ref: str | None
    doi: str | None

    @property
    def is_withdrawn(self) -> bool:
        """Whether the comment says so; arXiv has no other sign."""
        return "withdrawn" in (self.comment or "").lower()


def read_record(result: Result) -> ArxivRecord:
    """What a result of the package arxiv says.

    Args:
        result: The result.

    Returns:
        The record.

    Raises:
        PassingTroubleError: it has no id, no title or no authors.
    """
    match = re.search(r"v(\d+)$", result.entry_id)
    try:
        arxiv_id = parse_arxiv_id(result.entry_id)
    except ArxivIdError as error:
        raise PassingTroubleError(f"the answer holds an entry with the id '{result.entry_id}'") from error
    authors = [_one_line(author.name) for author in result.authors if author.name.strip()]
    if not (result.title.strip() and authors):
        raise PassingTroubleError(f"the answer has no title or no authors for {arxiv_id}")
    return ArxivRecord(
        arxiv_id=arxiv_id,
        version=int(match[1]) if match else 1,
        title=_one_line(result.title),
        authors=authors,
        submitted=result.published.date(),
        updated=result.updated.date(),
        comment=_one_line(result.comment) or None,
        journal_ref=_one_line(result.journal_ref) or None,
        doi=bare_doi(_one_line(result.doi)) or None,
    )


def _one_line(text: str | None) -> str:
    return one_line(text or "")
