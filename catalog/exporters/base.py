"""What an exporter is: one file that other programs or people can take away, written from the registry."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from catalog.registry import Registry

SITE = "../"
"""Address of the site as seen from its downloads folder; relative, as the site can be hosted anywhere."""

LICENCE = "CC0-1.0"
"""Licence of the catalogue, and so of everything that is exported from it."""

SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]+")
"""Space, line breaks, control characters, marks that reverse the direction of writing, and what XML cannot hold."""


@dataclass(frozen=True)
class Exporter:
    """One format of the catalogue; a pure function of the registry, so that two exports are the same bytes."""

    description: str
    """One line for people."""
    path: str
    """Where the site offers the file, below the site's address."""
    media_type: str
    """Media type of the file."""
    export: Callable[[Registry], str]
    """Registry to the text of the file."""

    @property
    def file_name(self) -> str:
        """Name of the file without its folder."""
        return self.path.rpartition("/")[2]


def one_line(text: str) -> str:
    """Text on one line, without characters that steer a terminal, a reader's eye or a parser.

    Args:
        text: Any text.

    Returns:
        The text; every run of space, line breaks and control characters is one space, none at the ends.
    """
    return SPACE.sub(" ", text).strip()
