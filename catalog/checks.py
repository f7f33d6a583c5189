"""Rules that span entries: ids are unique, what an entry refers to exists, and nothing refers to itself.

They look at the raw entries, so that one broken field does not hide a second mistake in the same entry.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from catalog.dates import is_later
from catalog.documents import Document, Location
from catalog.duplicates import same_papers
from catalog.errors import Code, Problem, unknown_name_message
from catalog.runs import ProbeRun, run_path
from catalog.vocabulary import DateBasis

_HOMES = {
    "head type": (Code.UNKNOWN_HEAD_TYPE, "head_types.yaml"),
    "paper": (Code.UNKNOWN_PAPER, "papers.yaml"),
}

_MONTHS_FROM_DATE_TO_ID: dict[str, set[int]] = {DateBasis.ARXIV_ID: {0}, DateBasis.SUBMISSION: {0, 1}}


def check_documents(papers: Document, head_types: Document, left_out: Document | None = None) -> Iterator[Problem]:
    """All errors that only show when entries or fields are compared.

    Args:
        papers: The document with the papers.
        head_types: The document with the head types.
        left_out: The document with the papers that were left out.

    Yields:
        The problems.
    """
    yield from _repeated_ids(papers)
    yield from _repeated_ids(head_types)
    yield from _shared_names(head_types)
    for position, entry in papers.entries():
        yield from _repeated_claims(papers, position, entry)
    yield from _unknown(papers, _head_types_of_papers(papers), head_types, "head type")
    yield from _unknown(head_types, _listed(head_types, "broader"), head_types, "head type")
    yield from _unknown(head_types, iter(head_types.texts("read_first")), papers, "paper")
    yield from _unknown(papers, iter(papers.texts("superseded_by")), papers, "paper")
    yield from same_papers(papers, left_out)
    yield from _dates_against_arxiv_ids(papers)
    yield from _circles(papers, papers.texts("superseded_by"), Code.SUPERSEDED_IN_A_CIRCLE, "superseded by")
    yield from _superseded_by_older(papers)
    broader = list(_listed(head_types, "broader"))
    yield from _circles(head_types, broader, Code.BROADER_IN_A_CIRCLE, "below")


def check_future(documents: Iterable[Document], today: date) -> Iterator[Problem]:
    """Dates, and months of arXiv ids, that are still to come.

    Args:
        documents: Documents whose entries may have `date`, `added` or `arxiv_id`.
        today: The last day that has begun.

    Yields:
        The problems.
    """
    for document in documents:
        for position, entry in document.entries():
            for field, day in _days_of(entry):
                if is_later(day, today.isoformat()):
                    what = f"{field} '{entry[field]}'"
                    message, mend = f"{what} lies in the future; today is {today} in UTC", "correct it"
                    yield document.problem((position, field), Code.IN_THE_FUTURE, message, mend)


def _days_of(entry: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Fields that say when something was; a date that only repeats the month of the arXiv id is left to that."""
    month = month_of_arxiv_id(entry.get("arxiv_id"))
    if month is not None:
        yield "arxiv_id", month
    for field in ("date", "added"):
        day = entry.get(field)
        if isinstance(day, str) and re.fullmatch(r"\d{4}(-\d\d){0,2}", day) and day != month:
            yield field, day


def check_runs(runs: Iterable[ProbeRun], folder: Path, head_types: Document) -> Iterator[Problem]:
    """All problems of runs beside the head types and beside each other.

    Args:
        runs: The runs.
        folder: Folder of all runs.
        head_types: The document with the head types.

    Yields:
        The problems.
    """
    known = _ids(head_types)
    models: dict[str, ProbeRun] = {}
    for run in runs:
        file = str(run_path(folder, run))
        if run.head_type not in known and not head_types.is_broken:
            message = unknown_name_message("head type", run.head_type, known)
            yield Problem(file, 1, 1, Code.UNKNOWN_HEAD_TYPE, message, "add the head type to head_types.yaml")
        first = models.setdefault(run.model.slug, run)
        if run.model != first.model:
            message = f"describes another model than {run_path(folder, first).name} beside it"
            yield Problem(file, 1, 1, Code.BAD_VALUE, message, "run all probes of this model again")


def check_relations(relations: Iterable[Document], papers: Document, head_types: Document) -> Iterator[Problem]:
    """Papers and head types that relations refer to and that do not exist.

    Args:
        relations: The documents with the relations.
        papers: The document with the papers.
        head_types: The document with the head types.

    Yields:
        The problems.
    """
    for document in relations:
        yield from _unknown(document, _listed(document, "papers"), papers, "paper")
        yield from _unknown(document, _listed(document, "head_types"), head_types, "head type")


def _unknown(document: Document, names: Iterator[tuple[Location, str]], home: Document, kind: str) -> Iterator[Problem]:
    """Names that stand in a document but not in the document they should come from; silent if that one is broken."""
    if home.is_broken:
        return
    code, file = _HOMES[kind]
    known = _ids(home)
    for path, name in names:
        if name not in known:
            message = unknown_name_message(kind, name, known)
            yield document.problem(path, code, message, f"use an id from {file}, or add one")


def _ids(document: Document) -> set[str]:
    return {entry["id"] for _, entry in document.entries() if isinstance(entry.get("id"), str)}


def _repeated(document: Document, names: list[tuple[Location, str]], kind: str, code: Code) -> Iterator[Problem]:
    first: dict[str, Location] = {}
    for path, name in names:
        if name in first:
            line = document.values[first[name]].line
            yield document.problem(path, code, f"{kind} '{name}' is taken (line {line})", "choose another")
        first.setdefault(name, path)


def _repeated_ids(document: Document) -> Iterator[Problem]:
    names: list[tuple[Location, str]] = [
        ((position, "id"), entry["id"]) for position, entry in document.entries() if isinstance(entry.get("id"), str)
    ]
    yield from _repeated(document, names, "id", Code.DUPLICATE_ID)


def _repeated_claims(papers: Document, position: int, entry: dict[str, Any]) -> Iterator[Problem]:
    names: list[tuple[Location, str]] = [
        ((position, "claims", index, "id"), claim["id"])
        for index, claim in _mappings(entry.get("claims"))
        if isinstance(claim.get("id"), str)
    ]
    yield from _repeated(papers, names, "claim id", Code.DUPLICATE_ID)


def _shared_names(head_types: Document) -> Iterator[Problem]:
    """Every spelling, whether name or alias, belongs to one head type."""
    names: list[tuple[Location, str]] = []
    for position, entry in head_types.entries():
        if isinstance(entry.get("name"), str):
            names.append(((position, "name"), entry["name"].lower()))
        names += [((position, "aliases", index), alias.lower()) for index, alias in _texts(entry.get("aliases"))]
    yield from _repeated(head_types, names, "name", Code.SHARED_NAME)


def _head_types_of_papers(papers: Document) -> Iterator[tuple[Location, str]]:
    for position, entry in papers.entries():
        for index, name in _texts(entry.get("head_types")):
            yield (position, "head_types", index), name
        for index, claim in _mappings(entry.get("claims")):
            if isinstance(claim.get("head_type"), str):
                yield (position, "claims", index, "head_type"), claim["head_type"]


def _listed(document: Document, field: str) -> Iterator[tuple[Location, str]]:
    """Every text in a list of the entries, with the way to it."""
    for position, entry in document.entries():
        for index, name in _texts(entry.get(field)):
            yield (position, field, index), name


def _dates_against_arxiv_ids(papers: Document) -> Iterator[Problem]:
    """Dates of a submission to arXiv that do not fit the month in the id.

    An id is given when a paper is announced, at times in the month after its submission. Dates that stand for
    something else, such as a venue, may lie anywhere.
    """
    for position, entry in papers.entries():
        month, date = month_of_arxiv_id(entry.get("arxiv_id")), entry.get("date")
        if month is None or not isinstance(date, str) or not re.match(r"\d{4}(-\d\d|$)", date):
            continue
        fits = _MONTHS_FROM_DATE_TO_ID.get(str(entry.get("date_basis")))
        if fits is not None and _months_between(date, month).isdisjoint(fits):
            message = f"date {date} does not fit the arXiv id, which is of {month}"
            mend = "correct the date, or say in date_basis what it stands for"
            yield papers.problem((position, "date"), Code.DATE_AGAINST_ARXIV_ID, message, mend)


def _superseded_by_older(papers: Document) -> Iterator[Problem]:
    """Entries whose successor came out before them."""
    entries = dict(papers.entries())
    dates = {entry.get("id"): entry.get("date") for entry in entries.values() if isinstance(entry.get("id"), str)}
    for path, successor in papers.texts("superseded_by"):
        own, other = entries[int(path[0])].get("date"), dates.get(successor)
        if isinstance(own, str) and isinstance(other, str) and is_later(own, other):
            message = f"'{successor}' of {other} is older than this paper of {own}"
            mend = "name a later paper, or correct a date"
            yield papers.problem(path, Code.SUPERSEDED_BY_OLDER, message, mend)


def month_of_arxiv_id(arxiv_id: object) -> str | None:
    """Month in which arXiv gave an id.

    Args:
        arxiv_id: Such as "2404.15574" or "cs/0112017".

    Returns:
        Such as "2024-04"; None if it is no arXiv id.
    """
    match = re.match(r"[a-zA-Z.-]+/(\d\d)(0[1-9]|1[0-2])\d{3}|(\d\d)(0[1-9]|1[0-2])\.\d", str(arxiv_id))
    if match is None:
        return None
    is_old = match[1] is not None  # with a slash, from the years before 2007
    year, month = (match[1], match[2]) if is_old else (match[3], match[4])
    return f"{'19' if is_old and int(year) >= 91 else '20'}{year}-{month}"


def _months_between(date: str, month: str) -> set[int]:
    """Months from a date to a later month; several if the date tells no month."""
    distance = (int(month[:4]) - int(date[:4])) * 12 + int(month[5:])
    return {distance - own for own in ([int(date[5:7])] if len(date) > 4 else range(1, 13))}


def _circles(document: Document, links: list[tuple[Location, str]], code: Code, relation: str) -> Iterator[Problem]:
    """Entries that lead back to themselves, each circle once; ids that stand twice are another rule's."""
    counts = Counter(name for _, name in document.texts("id"))
    ids = {path[0]: name for path, name in document.texts("id") if counts[name] == 1}
    places = {(ids[path[0]], target): path for path, target in links if path[0] in ids}
    remaining = dict(places)
    while circle := _circle(remaining):
        names = " → ".join(circle)
        edge = circle[0], circle[1]
        yield document.problem(places[edge], code, f"is {relation} itself: {names}", "cut the circle at one place")
        del remaining[edge]


def _circle(links: Iterable[tuple[str, str]]) -> list[str]:
    """One way from an entry back to itself; empty if there is none."""
    graph: dict[str, set[str]] = {}
    for source, target in links:
        graph.setdefault(source, set()).add(target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1][::-1]
        return circle
    return []


def _texts(value: object) -> list[tuple[int, str]]:
    items = value if isinstance(value, list) else []
    return [(index, item) for index, item in enumerate(items) if isinstance(item, str)]


def _mappings(value: object) -> list[tuple[int, dict[str, Any]]]:
    items = value if isinstance(value, list) else []
    return [(index, item) for index, item in enumerate(items) if isinstance(item, dict)]
