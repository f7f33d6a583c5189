"""The form "Add a paper": a new entry, or what keeps it from being one."""

from __future__ import annotations

import re
from typing import Any

from catalog.arxiv.drafts import make_paper_id
from catalog.checks import month_of_arxiv_id
from catalog.models import Paper, Tags
from catalog.submissions.outcomes import Outcome, make_claim_id, refuse_duplicates, validated
from catalog.submissions.reading import Reader, Way
from catalog.vocabulary import DateBasis, FactSource

UNTESTED_REASON = "Submitted in words; nobody has yet brought it into a form that a probe can check."

STAND_IN_ID, STAND_IN_DATE = "nobody-1900-nothing", "1900"
"""Stand where an answer is missing, which is a problem of its own, so that it is not reported twice."""

SENTENCES = ("innovation", "tasks", "result")

QUESTIONS: dict[Way, str] = {
    ("links", "paper"): "link",
    ("links", "code"): "code",
    **{("summary", name): name for name in SENTENCES},
    **{("tags", name): name for name in Tags.model_fields},
    ("claims",): "claim",
    ("id",): "authors",
    **{(name,): name for name in ("title", "authors", "head_types", "models", "arxiv_id", "doi", "venue")},
    **{(name,): name for name in ("date", "date_basis")},
}
"""Question that fills each field, by the way to it."""


def add_paper(reader: Reader) -> Outcome:
    """New entry from the answers.

    Args:
        reader: The answers.

    Returns:
        The paper.

    Raises:
        SubmissionError: with every problem by field label.
    """
    raw = _raw_paper(reader)
    refuse_duplicates(reader, {name: name for name in ("arxiv_id", "doi", "title")}, raw)
    paper = validated(reader, Paper, raw, QUESTIONS, "title")
    return Outcome(f"Add {paper.title}", paper, is_new=True, notes=tuple(reader.notes))


def _raw_paper(reader: Reader) -> dict[str, Any]:
    arxiv_id, title, authors = reader.arxiv_id("arxiv_id"), reader.text("title"), reader.names("authors")
    day, basis = _dated(reader, arxiv_id)
    return {
        "id": _new_id(reader, title, authors, day),
        "title": title,
        "authors": authors,
        "date": day,
        "date_basis": basis,
        "arxiv_id": arxiv_id,
        "doi": reader.doi("doi"),
        "venue": reader.text("venue"),
        "links": {"paper": reader.text("link"), "code": reader.text("code")},
        "head_types": reader.head_types("head_types"),
        "models": reader.items("models"),
        "tags": {name: reader.options(name) for name in Tags.model_fields},
        "facts_from": [FactSource.ARXIV if arxiv_id else FactSource.PUBLICATION_PAGE],
        "added": reader.today.isoformat(),
        "summary": {**{name: reader.text(name) for name in SENTENCES}, "written_by": "person"},
        "claims": [_claim_in_words(reader.text("claim") or "")],
    }


def _claim_in_words(statement: str) -> dict[str, str]:
    claim_id = make_claim_id(statement, set())
    return {"id": claim_id, "form": "untestable", "statement": statement, "reason": UNTESTED_REASON}


def _new_id(reader: Reader, title: str | None, authors: list[str], day: str | None) -> str:
    """Id of the new entry; a stand-in while an answer that it is made of is missing."""
    year = re.match(r"(?:19|20)\d\d", day or "")
    if year and title and authors:
        return make_paper_id(authors[0], int(year[0]), title, reader.registry.papers)
    return STAND_IN_ID


def _dated(reader: Reader, arxiv_id: str | None) -> tuple[str | None, str | None]:
    """Date and what it stands for: as given, else the month of the arXiv id."""
    day, basis = reader.day("date"), reader.text("date_basis")
    if day is None:
        if reader.text("arxiv_id") is None:
            reader.complain("date", "is needed unless there is an arXiv id", "2022-09-24")
        return month_of_arxiv_id(arxiv_id) or STAND_IN_DATE, DateBasis.ARXIV_ID
    if basis is None:
        reader.complain("date_basis", "is needed beside a date", ", ".join(DateBasis))
    return day, basis
