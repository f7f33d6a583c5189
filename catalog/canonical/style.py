"""How an entry is written: keys in the order of the model, quotes and folds where the data files have them.

The style is a function of the content alone, so that two people who write the same thing write the same bytes.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any, get_args

import yaml
from pydantic import BaseModel

from catalog.canonical.comments import Comments
from catalog.documents import DISCRIMINATOR, Location
from catalog.ids import Unquoted

WIDTH = 100
"""Longest line, in characters; what cannot be broken may be longer."""

_BREAK = re.compile(r"(?<=\S) (?=[^\s%])")
"""Where a line may end: at a single space, but not between a number and its per-cent sign."""

_HARMLESS = re.compile(r"[A-Za-z](?:[A-Za-z0-9 ./()_-]*[A-Za-z0-9./()_-])?")
"""Text that is plain everywhere unless it is a word such as "no"; only saves time."""


def canonical(value: Any, annotation: Any) -> Any:
    """Content of an entry with keys in the order of the model and numbers in one spelling.

    Args:
        value: What stands in the file (all scalars text), or plain values of a record.
        annotation: Model or type that the value should have; unknown keys follow the known ones.

    Returns:
        Dictionaries, lists, None, texts, and numbers as Unquoted.
    """
    if isinstance(value, dict):
        model = _model_for(annotation, value)
        fields = model.model_fields if model else {}
        known = [name for name in fields if name in value]
        keys = [*known, *(key for key in value if key not in fields)]
        return {key: canonical(value[key], fields[key].annotation if key in fields else None) for key in keys}
    if isinstance(value, list):
        return [canonical(item, annotation) for item in value]
    return _canonical_scalar(value, annotation)


def _canonical_scalar(value: Any, annotation: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return Unquoted(str(value).lower())
    leaves = _leaves(annotation)
    is_number = isinstance(value, int | float) or (bool(leaves & {int, float}) and str not in leaves)
    return _number(value) if is_number else str(value)


def _number(value: Any) -> str:
    """One spelling of a number, which YAML knows as one: with a point if it has an exponent."""
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return str(value)  # not a number after all: left for validation to refuse
    if not math.isfinite(number):
        return str(value)
    mantissa, exponent, power = repr(number).removesuffix(".0").partition("e")
    is_whole = exponent and "." not in mantissa
    return Unquoted(f"{mantissa}.0{exponent}{power}" if is_whole else f"{mantissa}{exponent}{power}")


@cache
def _leaves(annotation: Any) -> frozenset[Any]:
    """All types that an annotation is made of."""
    arguments = get_args(annotation)
    return frozenset().union(*map(_leaves, arguments)) if arguments else frozenset({annotation})


def _model_for(annotation: Any, value: dict[str, Any]) -> type[BaseModel] | None:
    """Model of a mapping; among the members of a union, the one whose form the mapping has."""
    models = [leaf for leaf in _leaves(annotation) if isinstance(leaf, type) and issubclass(leaf, BaseModel)]
    for model in models:
        form = model.model_fields.get(DISCRIMINATOR)
        if form is None or value.get(DISCRIMINATOR) in get_args(form.annotation):
            return model
    return None


def write_entry(entry: Any, comments: Comments | None = None) -> str:
    """Text of one entry of a data file, from "- " to the line end.

    Args:
        entry: Canonical content.
        comments: Comments that the entry carries.

    Returns:
        One or more whole lines.
    """
    comments = comments or Comments()
    lines = [*_item_lines(entry, (), 0, comments), *(f"  {text}" for text in comments.tail)]
    return "".join(f"{line}\n" for line in lines)


def _item_lines(item: Any, path: Location, indent: int, comments: Comments) -> Iterator[str]:
    """Lines of one item of a block list, its dash at the indent."""
    if isinstance(item, dict) and item:
        first_key = (*path, next(iter(item)))
        for text in (*comments.above.get(path, []), *comments.above.get(first_key, [])):
            yield f"{' ' * indent}{text}"
        rest = Comments({**comments.above, first_key: []}, comments.beside)
        first, *others = _mapping_lines(item, path, indent + 2, rest)
        yield f"{' ' * indent}- {first[indent + 2 :]}"
        yield from others
        return
    for text in comments.above.get(path, []):
        yield f"{' ' * indent}{text}"
    yield from _value_lines(f"{' ' * indent}-", item, path, indent, comments)


def _mapping_lines(mapping: dict[str, Any], path: Location, indent: int, comments: Comments) -> Iterator[str]:
    for key, value in mapping.items():
        here = (*path, key)
        for text in comments.above.get(here, []):
            yield f"{' ' * indent}{text}"
        yield from _value_lines(f"{' ' * indent}{_inline(key)}:", value, here, indent, comments)


def _value_lines(head: str, value: Any, path: Location, indent: int, comments: Comments) -> Iterator[str]:
    """Lines of a value behind its key or dash; a comment beside it stands in the first."""
    first, *others = _bare_lines(head, value, path, indent, comments)
    yield f"{first}  {comments.beside[path]}" if path in comments.beside else first
    yield from others


def _bare_lines(head: str, value: Any, path: Location, indent: int, comments: Comments) -> Iterator[str]:
    if isinstance(value, dict) and value:
        yield head
        yield from _mapping_lines(value, path, indent + 2, comments)
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        yield head
        for position, item in enumerate(value):
            yield from _item_lines(item, (*path, position), indent + 2, comments)
    elif isinstance(value, list):
        yield from _flow_lines(head, value, indent)
    else:
        yield from _scalar_lines(head, value, indent)


def _flow_lines(head: str, items: list[str | None], indent: int) -> Iterator[str]:
    written = [_inline(item, in_flow=True) for item in items]
    line = f"{head} [{', '.join(written)}]"
    if len(line) <= WIDTH:
        yield line
        return
    yield f"{head} ["
    yield from _filled([f"{text}," for text in written], indent + 2)
    yield f"{' ' * indent}]"


def _scalar_lines(head: str, value: str | dict[str, Any] | None, indent: int) -> Iterator[str]:
    if isinstance(value, dict):
        yield f"{head} {{}}"
        return
    line = f"{head} {_inline(value)}"
    fits = len(line) <= WIDTH and (value is None or "\n" not in value)
    if value is None or fits or not _is_foldable(value):
        yield line
        return
    yield f"{head} >-"
    for number, paragraph in enumerate(value.split("\n")):
        if number:
            yield ""
        if paragraph:
            yield from _filled(_BREAK.split(paragraph), indent + 2)


def _filled(words: list[str], indent: int) -> Iterator[str]:
    """Words in as few lines as the width allows."""
    line = ""
    for word in words:
        if line and indent + len(line) + 1 + len(word) > WIDTH:
            yield f"{' ' * indent}{line}"
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield f"{' ' * indent}{line}"


@cache
def _dumper() -> Any:
    """PyYAML's own rules of what may stand without quotes."""
    return yaml.SafeDumper(io.StringIO(), allow_unicode=True)


def _inline(value: str | None, *, in_flow: bool = False) -> str:
    """A scalar on one line: plain where YAML reads it back as this text, else in quotes."""
    if value is None:
        return "null"
    if isinstance(value, Unquoted):
        return str(value)
    return _inline_text(value, in_flow)


@lru_cache(maxsize=10_000)
def _inline_text(text: str, in_flow: bool) -> str:
    if _HARMLESS.fullmatch(text) and _is_read_as_text(text):
        return text
    analysis = _dumper().analyze_scalar(text)
    if (analysis.allow_flow_plain if in_flow else analysis.allow_block_plain) and _is_read_as_text(text):
        return text
    if analysis.allow_single_quoted and not analysis.multiline:
        return "'" + text.replace("'", "''") + "'"
    written: str = yaml.safe_dump(text, default_style='"', width=float("inf"), allow_unicode=True)
    return written.removesuffix("\n")


def _is_read_as_text(text: str) -> bool:
    """Whether YAML takes plain text for text; what has no letter gets quotes in any case, such as 2019-05."""
    tag = _dumper().resolve(yaml.ScalarNode, text, (True, False))
    return tag == "tag:yaml.org,2002:str" and any(map(str.isalpha, text))


def _is_foldable(text: str) -> bool:
    """Whether a folded block gives the text back."""
    has_gap = " " in text or "\n" in text
    is_stripped = all(part == part.strip() for part in text.split("\n")) and text == text.strip()
    if not (has_gap and is_stripped) or any(character in text for character in "\r\x85\u2028\u2029"):
        return False
    is_simple = text.isascii() and text.replace("\n", "").isprintable()
    return is_simple or bool(_dumper().analyze_scalar(text).allow_block)
