"""Atom feeds (RFC 4287): what the feeds of papers and of results share.

Dates come from the data and never from the clock, so that the same registry always gives the same feed.

Links are absolute where mkdocs.yml sets `site_url`; without it nobody knows where the site will lie, and they are
relative to the feed. Ids do not depend on that address, so that a feed keeps them when the site moves: they are named
by "headatlas.invalid", a domain that nobody can own (RFC 2606). RFC 4151 asks for one that the author owned on the date
beside it; HeadAtlas owns none, and says so in this way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from xml.etree import ElementTree

from catalog.errors import DataFolderError
from catalog.exporters.base import LICENCE
from catalog.files import project_folder
from catalog.texts import one_line

AUTHORITY = "headatlas.invalid,2026"
"""Who names the entries. Their ids start with it, so it never changes once a feed is public."""

RELATIVE = "../"
"""The site as seen from its downloads folder."""

N_ENTRIES = 100
"""A feed holds this many entries, and more where the oldest of them share their date with further ones."""

_SITE_URL = re.compile(r"^site_url:\s*[\"']?(https?://[^\s\"'#]+)", re.MULTILINE)
_NAMESPACE = "http://www.w3.org/2005/Atom"
_BEFORE_ALL = datetime(2026, 1, 1, tzinfo=UTC)
"""Date of a feed without entries."""


@dataclass(frozen=True)
class Entry:
    """One piece of news."""

    name: str
    """What it is about, as a path; part of its id."""
    title: str
    summary: str
    updated: datetime
    page: str
    """Page of the site, below the site's address."""
    related: str | None = None
    """Address outside the site, such as the paper's."""
    categories: Sequence[str] = ()


def site_address() -> str:
    """Address of the site: what mkdocs.yml says, else the way to it from the feed.

    Returns:
        The address with a slash at its end.
    """
    try:
        settings = (project_folder() / "mkdocs.yml").read_text(encoding="utf-8")
    except DataFolderError:
        return RELATIVE
    found = _SITE_URL.search(settings)
    return f"{found[1].rstrip('/')}/" if found else RELATIVE


def feed(name: str, title: str, path: str, entries: Iterable[Entry]) -> str:
    """An Atom feed, newest entry first.

    Args:
        name: Part of the feed's id, such as "papers".
        title: Title of the feed.
        path: Where the site offers the feed.
        entries: All entries there are, in any order.

    Returns:
        XML.
    """
    newest, site = _newest(entries), site_address()
    root = ElementTree.Element("feed", xmlns=_NAMESPACE)
    _add(root, "id", _tag(f"feeds/{name}"))
    _add(root, "title", title)
    _add(root, "updated", _time(newest[0].updated if newest else _BEFORE_ALL))
    _add(_add(root, "author"), "name", "HeadAtlas")
    _add(root, "rights", LICENCE)
    _add(root, "link", rel="self", type="application/atom+xml", href=site + path)
    _add(root, "link", rel="alternate", type="text/html", href=f"{site}index.html")
    for entry in newest:
        _add_entry(root, entry, site)
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _newest(entries: Iterable[Entry]) -> list[Entry]:
    """The newest entries; those of one date stay together and stand in order of name."""
    by_name = sorted(entries, key=lambda entry: entry.name)
    ordered = sorted(by_name, key=lambda entry: entry.updated, reverse=True)
    oldest = ordered[N_ENTRIES - 1].updated if len(ordered) > N_ENTRIES else None
    return ordered if oldest is None else list(takewhile(lambda entry: entry.updated >= oldest, ordered))


def _add_entry(root: ElementTree.Element, entry: Entry, site: str) -> None:
    element = _add(root, "entry")
    _add(element, "id", _tag(entry.name))
    _add(element, "title", entry.title)
    _add(element, "published", _time(entry.updated))
    _add(element, "updated", _time(entry.updated))
    _add(element, "link", rel="alternate", type="text/html", href=site + entry.page)
    if entry.related:
        _add(element, "link", rel="related", href=entry.related)
    for term in entry.categories:
        _add(element, "category", term=term)
    _add(element, "summary", entry.summary)


def _add(parent: ElementTree.Element, tag: str, text: str | None = None, **attributes: str) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, tag, {name: one_line(value) for name, value in attributes.items()})
    element.text = None if text is None else one_line(text)
    return element


def _tag(name: str) -> str:
    return f"tag:{AUTHORITY}:{name}"


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
