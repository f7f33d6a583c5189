"""Comments of a YAML entry: found in the gaps between its tokens and tied to the values that they stand at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from catalog.documents import Location, Mark, parse_document


@dataclass
class Comments:
    """Comments of one entry by the value that they belong to."""

    above: dict[Location, list[str]] = field(default_factory=dict)
    """Comments on lines of their own, in front of a value; those of the empty location stand above the entry."""
    beside: dict[Location, str] = field(default_factory=dict)
    """Comments at the end of the line in which a value starts."""
    tail: list[str] = field(default_factory=list)
    """Comments after the last value."""

    def add(self, location: Location | None, text: str, *, is_alone: bool) -> None:
        """Tie a comment to a value.

        Args:
            location: Way to the value; None stands for the end of the entry.
            text: The comment with its hash.
            is_alone: Nothing else stands in its line.
        """
        if location is None:
            self.tail.append(text)
        elif is_alone or location in self.beside:
            self.above.setdefault(location, []).append(text)
        else:
            self.beside[location] = text


class _Found(NamedTuple):
    mark: Mark
    text: str
    is_alone: bool


def find_comments(written: str, content: Any) -> Comments:
    """Comments of an entry, tied to the values of its content.

    Args:
        written: Text of the entry, from its dash on.
        content: What the entry will hold; comments at values that it does not have go to what lies around them.

    Returns:
        The comments; none is lost.
    """
    comments = Comments()
    if "#" not in written:
        return comments
    document = parse_document(written, "entry")
    places = sorted((mark, path[1:]) for path, mark in (*document.keys.items(), *_items(document.values)))
    before: Any = document.data[0]
    for found in _comments(written):
        location = _place(found, places, before)
        if location is not None:
            location = _in_new_content(location, before, content)
        comments.add(location, found.text, is_alone=found.is_alone)
    return comments


def _items(values: dict[Location, Mark]) -> Iterator[tuple[Location, Mark]]:
    return ((path, mark) for path, mark in values.items() if path and isinstance(path[-1], int))


def _comments(written: str) -> Iterator[_Found]:
    for start, end in _gaps(written):
        for match in re.finditer(r"#[^\n]*", written[start:end]):
            index = start + match.start()
            before = written[written.rfind("\n", 0, index) + 1 : index]
            mark = Mark(written.count("\n", 0, index) + 1, len(before) + 1)
            yield _Found(mark, match[0].rstrip(), not before.strip(" -\t"))


def _gaps(written: str) -> Iterator[tuple[int, int]]:
    """Stretches of text outside all tokens, and the heads of block texts, which may carry a comment too."""
    end = 0
    for token in yaml.scan(written, Loader=yaml.SafeLoader):
        if token.start_mark.index > end:
            yield end, token.start_mark.index
        if getattr(token, "style", None) in {"|", ">"}:
            yield token.start_mark.index, written.find("\n", token.start_mark.index)
        end = max(end, token.end_mark.index)
    yield end, len(written)


def _place(found: _Found, places: list[tuple[Mark, Location]], content: Any) -> Location | None:
    """Value that a comment belongs to: the next one if it stands alone, else the one that it stands behind."""
    own = [(mark, path) for mark, path in places if has_own_line(path, content)]
    if found.is_alone:
        return next((path for mark, path in own if mark > found.mark), None)
    return max((place for place in own if place[0] < found.mark), key=lambda place: (place[0], len(place[1])))[1]


def has_own_line(path: tuple[Any, ...], content: Any) -> bool:
    """Whether a value starts on a line of its own: all do but the items of a list of scalars."""
    inside: Any = content
    for step in path:
        if not isinstance(inside, dict | list):
            return False
        if isinstance(inside, list) and not any(isinstance(item, dict | list) for item in inside):
            return False
        try:
            inside = inside[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def _in_new_content(path: Location, before: Any, content: Any) -> Location | None:
    """The same value in changed content, items found by their id; what is gone gives way to what was around it."""
    kept: Location = ()
    old_step: Any
    for old_step in path:
        before = before[old_step]
        is_item = isinstance(old_step, int) and isinstance(content, list)
        step: Any = _same_item(before, content) if is_item else old_step
        if step is None or not has_own_line((step,), content):
            break
        inside: Any = content[step]
        kept, content = (*kept, step), inside
    return kept or (None if path else ())


def _same_item(before: Any, items: Any) -> int | None:
    """Position of the item with the id of an earlier one, or of the one that is equal to it."""
    if isinstance(before, dict) and "id" in before:
        ids = [item.get("id") if isinstance(item, dict) else None for item in items]
        return ids.index(before["id"]) if before["id"] in ids else None
    return items.index(before) if before in items else None
