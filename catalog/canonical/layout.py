"""Parts of a data file: what stands above the entries, the entries with their comments, what stands below."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from catalog.canonical.comments import find_comments
from catalog.canonical.style import canonical, write_entry
from catalog.documents import Document, parse_document
from catalog.errors import Code, InvalidDataError, Problem
from catalog.models import HeadType, LeftOut, Paper
from catalog.relations import FOLDER, Relation
from catalog.releases import Tombstone

SortKey = tuple[str, ...]


@dataclass(frozen=True)
class Style:
    """What decides the form of a data file: the record of its entries, and what they are sorted by."""

    file: str
    """Name of the file, or the pattern of their names, in the folder of the data."""
    model: type[BaseModel]
    sort_key: Callable[[dict[str, Any]], SortKey]
    """Order of the file."""
    name: Callable[[dict[str, Any]], str]
    """What tells an entry from every other."""


def _text_of(entry: dict[str, Any], field: str) -> str:
    return str(entry.get(field) or "")


def _paper_key(entry: dict[str, Any]) -> SortKey:
    return _text_of(entry, "date"), _text_of(entry, "id")


def _id_key(entry: dict[str, Any]) -> SortKey:
    return (_text_of(entry, "id"),)


def _id(entry: dict[str, Any]) -> str:
    return _text_of(entry, "id")


def _left_out_name(entry: dict[str, Any]) -> str:
    return _text_of(entry, "arxiv_id") or _text_of(entry, "link") or _text_of(entry, "title")


def _tombstone_key(entry: dict[str, Any]) -> SortKey:
    return _text_of(entry, "date"), _text_of(entry, "kind"), _text_of(entry, "id")


def _tombstone_name(entry: dict[str, Any]) -> str:
    return f"{_text_of(entry, 'kind')} {_text_of(entry, 'id')}"


def _left_out_key(entry: dict[str, Any]) -> SortKey:
    """By arXiv id; what has none follows, by title."""
    return _text_of(entry, "arxiv_id") or "without", _text_of(entry, "title")


PAPERS = Style("papers.yaml", Paper, _paper_key, _id)
STYLES = {
    style.file: style
    for style in (
        PAPERS,
        Style("head_types.yaml", HeadType, _id_key, _id),
        Style("left_out.yaml", LeftOut, _left_out_key, _left_out_name),
        Style(f"{FOLDER}/*.yaml", Relation, _id_key, _id),
        Style("tombstones.yaml", Tombstone, _tombstone_key, _tombstone_name),
    )
}
"""Styles of all data files with a canonical form, by name of the file or pattern of names."""


def styled_files(folder: Path) -> Iterator[tuple[Path, Style]]:
    """Data files that have a canonical form.

    Args:
        folder: Folder of the data files.

    Yields:
        Each file that exists, with its style.
    """
    for style in STYLES.values():
        for path in sorted(folder.glob(style.file)):
            yield path, style


def out_of_order(document: Document) -> Iterator[Problem]:
    """Entries that should stand further up.

    Args:
        document: One of the data files that have a style.

    Yields:
        A problem at every entry that sorts before the one above it.
    """
    style = STYLES[Path(document.file).name]
    for (_, above), (position, entry) in pairwise(document.entries()):
        if style.sort_key(entry) < style.sort_key(above):
            message = f"'{style.name(entry)}' belongs further up than '{style.name(above)}'"
            yield document.problem((position,), Code.OUT_OF_ORDER, message, "run headatlas paper format")


@dataclass(frozen=True)
class Entry:
    """One entry of a data file: its content and where it stands, in characters from the top of the file."""

    data: Any
    above: int
    """Start of the comments above it, or of the entry if there are none."""
    start: int
    end: int


@dataclass(frozen=True)
class Block:
    """One entry in canonical form."""

    data: dict[str, Any]
    written: str
    """Its text with the comments above it."""


@dataclass(frozen=True)
class Layout:
    """A data file in canonical form, in parts."""

    header: str
    blocks: list[Block]
    footer: str
    """Comments behind the last entry."""

    def write(self, style: Style) -> str:
        """The whole file.

        Args:
            style: Style of the file.

        Returns:
            The parts in canonical order, with a blank line between any two.
        """
        blocks = sorted(self.blocks, key=lambda block: style.sort_key(block.data))
        parts = [self.header, *(block.written for block in blocks), self.footer]
        return "\n".join(part for part in parts if part)


def parse(text: str, file: str) -> Document:
    """Text of a data file as a document without problems.

    Args:
        text: The content of the file.
        file: Its name, for problems.

    Returns:
        The document.

    Raises:
        InvalidDataError: with every problem of the YAML; the fields of entries are not looked at.
    """
    document = parse_document(text, file)
    if document.problems:
        raise InvalidDataError(document.problems)
    return document


def split_entries(text: str, document: Document) -> list[Entry]:
    """Where every entry of a data file stands.

    Args:
        text: The content of the file.
        document: The same, parsed.

    Returns:
        The entries in the order of the file.

    Raises:
        InvalidDataError: the entries do not all start with a dash at the beginning of a line.
    """
    starts = [match.start() for match in re.finditer(r"^-(?=\s)", text, re.MULTILINE)]
    if len(starts) != len(document.data):
        message = f"{len(document.data)} entries, but {len(starts)} lines that start with a dash"
        mend = "start each entry with '- id:' at the beginning of a line"
        raise InvalidDataError([Problem(document.file, 1, 1, Code.NOT_A_LIST, message, mend)])
    entries, above = [], _end_of_header(text, starts[0]) if starts else 0
    for data, (start, following) in zip(document.data, pairwise([*starts, len(text)]), strict=True):
        end = start + _length_without_tail(text[start:following])
        entries.append(Entry(data, above, start, end))
        tail = re.compile(r"^#", re.MULTILINE).search(text, end, following)
        above = tail.start() if tail else following
    return entries


def _end_of_header(text: str, first: int) -> int:
    """Start of the comments that belong to the first entry: those below the last blank line of the header."""
    other = [match.end() for match in re.finditer(r"^(?!#).*\n", text[:first], re.MULTILINE)]
    return other[-1] if other else first


def _length_without_tail(stretch: str) -> int:
    """Length up to the last line that is neither blank nor a comment at the margin, which belongs to what follows."""
    lines = list(re.finditer(r"^(?!#).*\S.*(?:\n|\Z)", stretch, re.MULTILINE))
    return lines[-1].end()


def read_layout(text: str, style: Style, file: str) -> Layout:
    """A data file in canonical parts, in the order that it has.

    Args:
        text: The content of the file, without conflict markers.
        style: Style of the file.
        file: Its name, for problems.

    Returns:
        The parts.

    Raises:
        InvalidDataError: the YAML has problems, or an entry is not a mapping.
    """
    document = parse(text, file)
    if len(document.entries()) != len(document.data):
        position = next(place for place, data in enumerate(document.data) if not isinstance(data, dict))
        mend = "write fields, such as id:, behind the dash"
        raise InvalidDataError([document.problem((position,), Code.BAD_VALUE, "this entry has no fields", mend)])
    entries = split_entries(text, document)
    start, end = (entries[0].above, entries[-1].end) if entries else (len(text), len(text))
    blocks = [_block(text, entry, style) for entry in entries]
    return Layout(_tidy(text[:start]), blocks, _tidy(text[end:]))


def _block(text: str, entry: Entry, style: Style) -> Block:
    written = text[entry.start : entry.end]
    content = canonical(entry.data, style.model)
    above = "".join(f"{line.rstrip()}\n" for line in text[entry.above : entry.start].splitlines() if line.strip())
    return Block(entry.data, above + write_entry(content, find_comments(written, content)))


def _tidy(comments: str) -> str:
    """Comments without blank lines around them and spaces behind them."""
    lines = [line.rstrip() for line in comments.strip().splitlines()]
    return "".join(f"{line}\n" for line in lines)
