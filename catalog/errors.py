"""What can go wrong in the catalogue: one family of errors, each with its place and the way out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar


class Code(StrEnum):
    """Stable names of the rules that data files are checked against; each is explained in CONTRIBUTING.md."""

    SYNTAX = "HA001"
    DUPLICATE_KEY = "HA002"
    NOT_A_LIST = "HA003"
    UNQUOTED = "HA004"
    UNKNOWN_FIELD = "HA101"
    MISSING_FIELD = "HA102"
    BAD_VALUE = "HA103"
    DUPLICATE_ID = "HA201"
    UNKNOWN_HEAD_TYPE = "HA202"
    UNKNOWN_PAPER = "HA203"
    SHARED_NAME = "HA204"


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in one data file: where it is, which rule it breaks and how to mend it."""

    file: str
    line: int
    column: int
    code: Code
    message: str
    mend: str

    def __str__(self) -> str:
        text = f"{self.file}:{self.line}:{self.column}: {self.code} {self.message} ({self.mend})"
        return " ".join(text.splitlines())


class HeadAtlasError(Exception):
    """Base of all errors that headatlas raises on purpose; the command prints them without a traceback."""

    exit_code: ClassVar[int] = 1
    """1 for problems found, 2 for wrong use."""


class CatalogError(HeadAtlasError):
    """Base of all errors that the catalogue raises on purpose."""


class InvalidDataError(CatalogError, ValueError):
    """The data files break rules; carries every problem that was found, not just the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(map(str, self.problems)))


class UnknownIdError(CatalogError, KeyError):
    """Nothing in the registry carries this id; names the nearest ones."""

    exit_code = 2

    def __init__(self, kind: str, wanted: str, known: Iterable[str]) -> None:
        self.kind, self.wanted = kind, wanted
        super().__init__(unknown_name_message(kind, wanted, known))

    def __str__(self) -> str:
        return str(self.args[0])


class DataFolderError(CatalogError, FileNotFoundError):
    """The folder that should hold papers.yaml does not, or it cannot be read."""

    exit_code = 2

    def __init__(self, folder: Path, reason: str) -> None:
        self.folder = folder
        super().__init__(f"{folder}: {reason}")


class SiteBuildError(CatalogError, RuntimeError):
    """The site could not be built; says which step failed and what to do."""


class PictureError(CatalogError, ValueError):
    """A picture cannot be drawn or written; says what to do."""

    exit_code = 2


def unknown_name_message(kind: str, wanted: str, known: Iterable[str]) -> str:
    """Sentence that says a name is unknown and which known names come near it.

    Args:
        kind: What the name stands for, such as "paper".
        wanted: The name that was asked for.
        known: All names that exist.

    Returns:
        One line, for people.
    """
    names = sorted(known)
    near = _near_names(wanted, names) or names[:5]
    hint = f"did you mean {', '.join(near)}?" if near else f"there is no {kind} at all"
    return f"unknown {kind} '{wanted}': {hint}"


def _near_names(wanted: str, names: list[str]) -> list[str]:
    """Up to three names that resemble the wanted one, as a whole or in one of their parts."""
    from difflib import SequenceMatcher

    def resemblance(name: str) -> float:
        parts = [name, *name.replace("_", "-").split("-")]
        return max(SequenceMatcher(None, wanted.lower(), part).ratio() for part in parts)

    near = sorted((name for name in names if resemblance(name) >= 0.6), key=lambda name: -resemblance(name))
    return near[:3]
