"""Answers of arXiv as they arrive: whether one is whole, before the package reads it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from xml.etree import ElementTree

from catalog.texts import one_line

ATOM = "{http://www.w3.org/2005/Atom}"
OPEN_SEARCH = "{http://a9.com/-/spec/opensearch/1.1/}"


@dataclass(frozen=True)
class Page:
    """What the answer itself holds, before the package reads it."""

    n_entries: int
    n_complete: int


class PassingTroubleError(Exception):
    """Something went wrong that may be gone at the next try."""

    def __init__(self, reason: str, wanted_wait: float = 0.0) -> None:
        """Say what it was.

        Args:
            reason: In words, as part of a sentence.
            wanted_wait: Seconds that the server asks to wait.
        """
        self.wanted_wait = wanted_wait
        super().__init__(reason)


def read_page(content: bytes) -> Page:
    """Totals and entries of an Atom answer.

    Args:
        content: The answer.

    Returns:
        How many entries it has, and how many of them are complete.

    Raises:
        PassingTroubleError: it is damaged, cut off, or no Atom feed.
    """
    feed = _parse_feed(content)
    entries = feed.findall(f"{ATOM}entry")
    total = (feed.findtext(f"{OPEN_SEARCH}totalResults") or "").strip()
    if not total.isdecimal():
        raise PassingTroubleError("the answer does not say how many results it has")
    if int(total) < len(entries):  # more than entries is no fault: arXiv counts ids that it does not know
        raise PassingTroubleError(f"the answer announces {total} results and holds {len(entries)}")
    return Page(len(entries), sum(map(_is_complete, entries)))


def _parse_feed(content: bytes) -> ElementTree.Element:
    try:
        feed = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        kind = "a web page" if b"<html" in content[:1000].lower() else "damaged or cut off"
        raise PassingTroubleError(f"the answer is {kind} and no Atom feed ({error})") from error
    if feed.tag != f"{ATOM}feed":
        raise PassingTroubleError(f"the answer is no Atom feed but <{feed.tag.rpartition('}')[2]}>")
    return feed


def _is_complete(entry: ElementTree.Element) -> bool:
    return all(entry.findtext(f"{ATOM}{name}") for name in ("id", "published", "updated"))


def error_text(content: bytes) -> str:
    """What arXiv's own error entry says.

    Args:
        content: The answer.

    Returns:
        Its words in brackets; empty if the answer holds no such entry.
    """
    with suppress(ElementTree.ParseError):
        text = ElementTree.fromstring(content).findtext(f"{ATOM}entry/{ATOM}summary")
        return f" ({one_line(text)})" if text else ""
    return ""
