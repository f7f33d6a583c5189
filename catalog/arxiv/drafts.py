"""Drafts of entries: facts from arXiv, and placeholders that `paper validate` reports until somebody writes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from contextlib import nullcontext
from datetime import date
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.documents import Document, Location, read_document
from catalog.errors import Code, InvalidDataError, Problem
from catalog.files import changing_data, write_text
from catalog.ids import LONGEST_ID
from catalog.models import Paper, Record, Summary, UntestableClaim
from catalog.vocabulary import DateBasis, FactSource

if TYPE_CHECKING:
    from catalog.arxiv.records import ArxivRecord

PLACEHOLDER = "To be written:"
"""Start of every text that a draft leaves to people."""

CLAIM_ID = "to-be-written"

SPELLED_OUT = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
)
"""Letters that Unicode does not take apart into a plain letter and an accent."""

LONGEST_PART = (LONGEST_ID - len("-2024--1000")) // 2
"""Characters of a surname or a word in an id, so that all of it fits."""

NOT_SURNAMES = {"jr", "sr", "ii", "iii", "iv"}

_COMMON_WORDS = (
    "a about across after all an analysis analyzing and approach are as at attention based be become becoming "
    "beyond but by can deep do does for from head heads how in inside interpretability interpreting into is it its "
    "language large learn learning like llm llms make mechanism mechanisms mechanistic mechanistically model models "
    "more multi my network networks neural new not of on only or our over self some study than that the their them "
    "they things this through to toward towards transformer transformers understanding unveiling using via we what "
    "when where which who why with within without work works you your"
)
COMMON_WORDS = frozenset(_COMMON_WORDS.split())
"""Words that half of all titles hold, so that they make poor names."""


def draft_paper(record: ArxivRecord, taken: Collection[str], today: date) -> Paper:
    """Draft of an entry: the facts of arXiv's record, placeholders for everything that people write.

    Args:
        record: What arXiv says about the paper.
        taken: Ids that other papers have.
        today: Day on which the entry joins the catalogue.

    Returns:
        The draft; it follows the model, and `check_drafts` finds its placeholders.
    """
    return Paper.model_validate(
        {
            "id": make_paper_id(record.authors[0], record.submitted.year, record.title, taken),
            "title": record.title,
            "authors": record.authors,
            "date": record.submitted.isoformat(),
            "date_basis": DateBasis.SUBMISSION,
            "arxiv_id": record.arxiv_id,
            "doi": record.doi,
            "venue": record.journal_ref,
            "links": {"paper": f"https://arxiv.org/abs/{record.arxiv_id}"},
            "facts_from": [FactSource.ARXIV],
            "added": today.isoformat(),
            "summary": {
                **{name: _placeholder(Summary, name) for name in ("innovation", "tasks", "result")},
                "written_by": "person",
            },
            "claims": [
                {
                    "id": CLAIM_ID,
                    "form": "untestable",
                    **{name: _placeholder(UntestableClaim, name) for name in ("statement", "reason")},
                }
            ],
        }
    )


def _placeholder(model: type[Record], field: str) -> str:
    description = model.model_fields[field].description or field
    return f"{PLACEHOLDER} {description[0].lower()}{description[1:]}"


def make_paper_id(first_author: str, year: int, title: str, taken: Collection[str]) -> str:
    """Id of a new paper: first author's surname, year, and the first telling word of the title.

    Args:
        first_author: Name as published, surname last.
        year: Year of the first public version.
        title: Title as published.
        taken: Ids that other papers have.

    Returns:
        An id that nobody has; further words of the title, then a number, make it unique. Long words are cut.
    """
    all_words = list(_words(title))
    words = [word for word in all_words if word not in COMMON_WORDS] or all_words or ["paper"]
    words = [word[:LONGEST_PART] for word in words]
    start = f"{_surname(first_author)[:LONGEST_PART].rstrip('-')}-{year}"
    numbered = (f"{start}-{words[0]}-{number}" for number in count(2))
    return next(each for each in chain((f"{start}-{word}" for word in words), numbered) if each not in taken)


def _words(text: str) -> Iterator[str]:
    """Words in small plain letters; an apostrophe does not part a word, a hyphen does."""
    letters = unicodedata.normalize("NFKD", text.lower().translate(SPELLED_OUT))
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    yield from re.findall(r"[a-z0-9]+", re.sub(r"['’]", "", plain))


def _surname(name: str) -> str:
    """Last name as it stands in an id, such as "queipo-de-llano"; "unknown" if no plain letter is left of it."""
    names = ["-".join(word for word in _words(part) if word.isalpha()) for part in name.split()]
    return next((each for each in reversed(names) if each and each not in NOT_SURNAMES), "unknown")


def check_drafts(papers: Document) -> Iterator[Problem]:
    """Every text of papers.yaml that is still a placeholder.

    Args:
        papers: The document with the papers.

    Yields:
        One problem for each.
    """
    for position, entry in papers.entries():
        for path in find_placeholders(entry):
            field = ".".join(map(str, path))
            mend = "write it in our own words, or take the entry out"
            yield papers.problem((position, *path), Code.TO_BE_WRITTEN, f"'{field}' is still to be written", mend)


def find_placeholders(value: Any, path: Location = ()) -> Iterator[Location]:
    """Ways to all placeholders inside a value.

    Args:
        value: A value as YAML or JSON knows it.
        path: Way to the value itself.

    Yields:
        The ways.
    """
    if isinstance(value, str) and (value == CLAIM_ID or value.startswith(PLACEHOLDER)):
        yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, part in parts:
        yield from find_placeholders(part, (*path, step))


def read_papers(path: Path) -> Document:
    """The raw entries of papers.yaml, drafts among them; only what makes the file unreadable is refused.

    Args:
        path: papers.yaml.

    Returns:
        The document.

    Raises:
        InvalidDataError: it is no list of entries, or a key is repeated.
        DataFolderError: it cannot be read.
    """
    document = read_document(path)
    if document.problems:
        raise InvalidDataError(document.problems)
    return document


def insert_drafts(path: Path, records: Iterable[ArxivRecord], today: date, *, dry_run: bool = False) -> list[Paper]:
    """Put drafts into papers.yaml, all of them or none; papers that have joined it in the meantime are left out.

    Several processes may do so at once.

    Args:
        path: papers.yaml.
        records: What arXiv says about the papers.
        today: Day on which the entries join the catalogue.
        dry_run: Write nothing.

    Returns:
        The drafts, in the order of the records.

    Raises:
        InvalidDataError: papers.yaml cannot be parsed.
        BusyDataError: another process changes the data files and does not finish.
        OSError: papers.yaml cannot be written; it is as it was.
    """
    from catalog.canonical.formatting import insert_papers

    with nullcontext() if dry_run else changing_data():
        drafts = _new_drafts(path, records, today)
        if drafts and not dry_run:
            write_text(path, insert_papers(path.read_bytes().decode("utf-8"), drafts))
    return drafts


def _new_drafts(path: Path, records: Iterable[ArxivRecord], today: date) -> list[Paper]:
    """Drafts of the papers that papers.yaml does not have."""
    entries = [entry for _, entry in read_papers(path).entries()]
    taken, known = {str(entry.get("id")) for entry in entries}, arxiv_ids_of(entries)
    drafts: list[Paper] = []
    for record in records:
        if record.arxiv_id not in known:
            drafts.append(draft_paper(record, taken, today))
            taken.add(drafts[-1].id)
    return drafts


def arxiv_ids_of(entries: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Which papers have an arXiv id.

    Args:
        entries: Raw entries of papers.yaml.

    Returns:
        Paper ids by arXiv id.
    """
    return {str(entry["arxiv_id"]): str(entry.get("id")) for entry in entries if entry.get("arxiv_id")}
