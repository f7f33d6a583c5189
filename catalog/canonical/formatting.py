"""Canonical form of the data files: one order, one style, comments kept; entries put in without touching the rest."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from catalog.canonical.comments import find_comments
from catalog.canonical.layout import PAPERS, Entry, Style, parse, read_layout, split_entries
from catalog.canonical.merging import settle
from catalog.canonical.style import canonical, write_entry
from catalog.documents import conflict_line
from catalog.errors import Code, InvalidDataError, UnknownIdError
from catalog.ids import Unquoted
from catalog.models import Paper


def format_text(text: str, style: Style, file: str) -> str:
    """Canonical form of a data file; where git left conflict markers, that of both sides together.

    Args:
        text: The content of the file.
        style: Style of the file.
        file: Its name, for problems.

    Returns:
        The canonical content.

    Raises:
        InvalidDataError: the YAML has problems, or both sides of a merge changed the same entry.
    """
    text = text.replace("\r\n", "\n")
    layout = read_layout(text, style, file) if conflict_line(text) is None else settle(text, style, file)
    written = layout.write(style)
    expected = sorted((block.data for block in layout.blocks), key=style.sort_key)
    if not _is_same(parse(written, file).data, expected):
        raise AssertionError(f"{file}: the canonical form would say something else; the file is left as it is")
    return written


def _is_same(left: Any, right: Any) -> bool:
    """Whether two contents say the same: in whatever order of keys, and numbers by their value."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_is_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_is_same, left, right))
    if left != right and Unquoted in {type(left), type(right)}:
        return float(left) == float(right)
    return bool(left == right)


def dump_entry(paper: Paper) -> str:
    """Text of a paper as papers.yaml has it.

    Args:
        paper: The paper.

    Returns:
        Whole lines from "- id:" on; fields at their default are left out.
    """
    return write_entry(_content(paper))


def insert_paper(text: str, paper: Paper) -> str:
    """Text of papers.yaml with one more paper at its canonical place; every other byte stays as it is.

    Args:
        text: The content of papers.yaml.
        paper: The new paper.

    Returns:
        The new content.

    Raises:
        InvalidDataError: the text cannot be parsed, or holds the id already.
    """
    return insert_papers(text, [paper])


def insert_papers(text: str, papers: Collection[Paper]) -> str:
    """Text of papers.yaml with more papers, each at its canonical place; every other byte stays as it is.

    Args:
        text: The content of papers.yaml.
        papers: The new papers.

    Returns:
        The new content.

    Raises:
        InvalidDataError: the text cannot be parsed, or holds one of the ids already.
    """
    document, new = parse(text, PAPERS.file), {paper.id for paper in papers}
    taken = [(position, entry["id"]) for position, entry in document.entries() if entry.get("id") in new]
    if taken:
        code, mend = Code.DUPLICATE_ID, "choose another"
        raise InvalidDataError(
            [document.problem((at, "id"), code, f"id '{name}' is taken", mend) for at, name in taken]
        )
    entries = split_entries(text, document)
    contents = {paper.id: _content(paper) for paper in papers}
    in_order = sorted(papers, key=lambda paper: PAPERS.sort_key(contents[paper.id]))
    for paper in reversed(in_order) if entries else in_order:  # from the end on, so that places before it stay right
        text = _put_in(text, entries, contents[paper.id], dump_entry(paper))
    return text


def replace_paper(text: str, paper: Paper) -> str:
    """Text of papers.yaml with one paper changed; comments of the entry and every byte outside it stay.

    A paper whose date has changed moves to its canonical place.

    Args:
        text: The content of papers.yaml.
        paper: The paper as it should be; its id says which entry it replaces.

    Returns:
        The new content.

    Raises:
        InvalidDataError: the text cannot be parsed.
        UnknownIdError: no entry has the id of the paper.
    """
    document = parse(text, PAPERS.file)
    known = {str(entry.get("id")): position for position, entry in document.entries()}
    if paper.id not in known:
        raise UnknownIdError("paper", paper.id, known)
    entries = split_entries(text, document)
    position, content = known[paper.id], _content(paper)
    old = entries[position]
    written = write_entry(content, find_comments(text[old.start : old.end], content))
    if PAPERS.sort_key(old.data) == PAPERS.sort_key(content):
        return text[: old.start] + _with_newlines_of(text, written) + text[old.end :]
    rest = _taken_out(text, entries, position)
    return _put_in(rest, split_entries(rest, parse(rest, PAPERS.file)), content, text[old.above : old.start] + written)


def _content(paper: Paper) -> dict[str, Any]:
    values = paper.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    content: dict[str, Any] = canonical(values, Paper)
    return content


def _with_newlines_of(text: str, written: str) -> str:
    return written.replace("\r\n", "\n").replace("\n", "\r\n") if "\r\n" in text else written


def _put_in(text: str, entries: list[Entry], content: dict[str, Any], written: str) -> str:
    """Text with an entry in front of the first one that sorts behind it, or at the end."""
    key = PAPERS.sort_key(content)
    place = next((entry.above for entry in entries if PAPERS.sort_key(_mapping(entry.data)) > key), None)
    if place is not None:
        return text[:place] + _with_newlines_of(text, f"{written}\n") + text[place:]
    end = entries[-1].end if entries else len(text)
    before, after = text[:end], text[end:]
    gap = "\n" if before.endswith("\n") else "\n\n"
    is_separate = not before or before.endswith("\n\n")
    return before + _with_newlines_of(text, ("" if is_separate else gap) + written) + after


def _taken_out(text: str, entries: list[Entry], position: int) -> str:
    """Text without one entry, its comments and the blank line that parts it from a neighbour."""
    if position + 1 < len(entries):
        return text[: entries[position].above] + text[entries[position + 1].above :]
    start = entries[position - 1].end if position else entries[position].above
    return text[:start] + text[entries[position].end :]


def _mapping(data: Any) -> dict[str, Any]:
    return data if isinstance(data, dict) else {}
