"""Two sides of a merge that git could not settle: taken apart, and joined entry by entry."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from catalog.canonical.layout import Block, Layout, Style, read_layout
from catalog.documents import conflict_line
from catalog.errors import Code, InvalidDataError, Problem

_MARKER = re.compile(r"([<|>])\1{6}(?: .*)?|(=)={6}")
"""A whole line that git writes around the sides of a conflict; longer ones belong to a conflict inside a base."""

_Sides = dict[str, Block]


class Sides(NamedTuple):
    """The whole file as each side of a merge has it."""

    ours: str
    base: str | None
    """What both sides started from, if git was told to write it (merge.conflictStyle diff3 or zdiff3)."""
    theirs: str


_FOLLOWING = {"": "<", "<": "|=", "|": "=", "=": ">"}
"""Markers that may come next: outside a conflict, and behind each marker of one."""


def sides(text: str, file: str) -> Sides:
    """Both sides of a merge, and what they started from.

    Args:
        text: The content of a file with conflict markers.
        file: Its name, for problems.

    Returns:
        The content without markers, as each side has it.

    Raises:
        InvalidDataError: a marker is missing, or stands where git would not write it.
    """
    parts: dict[str, list[str]] = {"<": [], "|": [], "=": []}
    has_base, side, start = False, "", 1
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        kind = _marker(line)
        if not kind:
            for name in [side] if side else parts:
                parts[name].append(line)
            continue
        if kind not in _FOLLOWING[side]:
            raise _damaged(file, number, f"the conflict marker {kind * 7} stands where {_awaited(side)} should come")
        side, start = ("" if kind == ">" else kind), (number if kind == "<" else start)
        has_base = has_base or kind == "|"
    if side:
        raise _damaged(file, start, f"the conflict that starts here ends without {_awaited(side)}")
    ours, base, theirs = ("".join(parts[name]) for name in "<|=")
    return Sides(ours, base if has_base else None, theirs)


def _marker(line: str) -> str:
    """Sign that a conflict marker is made of; empty if the line is none."""
    marker = _MARKER.fullmatch(line.rstrip("\n"))
    return (marker[1] or marker[2]) if marker else ""


def _awaited(side: str) -> str:
    return " or ".join(sign * 7 for sign in _FOLLOWING[side])


def _damaged(file: str, line: int, message: str) -> InvalidDataError:
    mend = "put the markers back as git wrote them, or choose by hand and delete them all"
    return InvalidDataError([Problem(file, line, 1, Code.CONFLICT, message, mend)])


def settle(text: str, style: Style, file: str) -> Layout:
    """Union of both sides of a merge.

    Args:
        text: The content of a file with conflict markers.
        style: Style of the file.
        file: Its name, for problems.

    Returns:
        All entries of both sides, each once.

    Raises:
        InvalidDataError: an entry differs between the sides, and nobody can tell which is meant; or a side is not YAML,
            or the markers are damaged.
    """
    ours_text, base_text, theirs_text = sides(text, file)
    ours, theirs = read_layout(ours_text, style, file), read_layout(theirs_text, style, file)
    base = _read_base(base_text, style, file)
    union, problems = _joined(_named(ours, style, file), _named(base, style, file), _named(theirs, style, file))
    header = _chosen(ours.header, base.header, theirs.header)
    footer = _chosen(ours.footer, base.footer, theirs.footer)
    found = [_problem(text, file, name) for name in problems]
    if header is None or footer is None:
        message = "the comments around the entries differ between both sides"
        found.append(Problem(file, conflict_line(text) or 1, 1, Code.CONFLICT, message, _MEND))
    if found or header is None or footer is None:
        raise InvalidDataError(found)
    return Layout(header, union, footer)


_MEND = "choose by hand, delete the markers here, and run headatlas paper format again"


def _read_base(text: str | None, style: Style, file: str) -> Layout:
    """The common start of both sides; empty if it is not known or cannot be read."""
    try:
        return read_layout(text or "", style, file)
    except InvalidDataError:
        return Layout("", [], "")


def _named(layout: Layout, style: Style, file: str) -> _Sides:
    names = [style.name(block.data) for block in layout.blocks]
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        message = f"one side of the merge has '{repeated[0]}' twice"
        raise InvalidDataError([Problem(file, 1, 1, Code.DUPLICATE_ID, message, "delete one of the two")])
    return dict(zip(names, layout.blocks, strict=True))


def _joined(ours: _Sides, base: _Sides, theirs: _Sides) -> tuple[list[Block], list[str]]:
    """Entries of both sides, and the names of those that cannot be joined."""
    union, problems = [], []
    for name in {**ours, **theirs}:
        present = [side[name] for side in (ours, theirs) if name in side]
        written = {block.written: block for block in present}
        before = base[name].written if name in base else ""
        chosen = _chosen(present[0].written, before, present[-1].written)
        if chosen is None:
            problems.append(name)
        else:
            union.append(written[chosen])
    return union, problems


def _chosen(ours: str, base: str, theirs: str) -> str | None:
    """What both sides say, or the one that changed what was there; None if both say something else."""
    if ours == theirs or theirs == base:
        return ours
    return theirs if ours == base else None


def _problem(text: str, file: str, name: str) -> Problem:
    lines = (number for number, line in enumerate(text.splitlines(), 1) if name in line and line.startswith("- "))
    inside = (number for number, line in enumerate(text.splitlines(), 1) if name in line)
    line = next(lines, None) or next(inside, 1)
    return Problem(file, line, 1, Code.CONFLICT, f"both sides of the merge changed '{name}'", _MEND)
