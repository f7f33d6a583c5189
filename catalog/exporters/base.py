"""What an exporter is: one file that other programs or people can take away, written from the registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from catalog.registry import Registry

LICENCE = "CC0-1.0"
"""Licence of the catalogue, and so of everything that is exported from it."""


@dataclass(frozen=True)
class Exporter:
    """One format of the catalogue; it asks no clock, so that two exports of one registry are the same bytes."""

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
