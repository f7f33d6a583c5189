"""What can go wrong in the catalogue: one family of errors, each with its place and the way out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar


class Severity(StrEnum):
    """How bad a problem is."""

    ERROR = "error"
    """The data files are wrong, and the check fails."""
    WARNING = "warning"
    """Someone should look at it; the check passes."""


class Code(StrEnum):
    """Stable names of the rules that data files are checked against; each is explained in CONTRIBUTING.md."""

    SYNTAX = "HA001"
    DUPLICATE_KEY = "HA002"
    NOT_A_LIST = "HA003"
    UNQUOTED = "HA004"
    REFERENCE = "HA005"
    CONFLICT = "HA006"
    UNKNOWN_FIELD = "HA101"
    MISSING_FIELD = "HA102"
    BAD_VALUE = "HA103"
    DUPLICATE_ID = "HA201"
    UNKNOWN_HEAD_TYPE = "HA202"
    UNKNOWN_PAPER = "HA203"
    SHARED_NAME = "HA204"
    SHARED_ARXIV_ID = "HA205"
    SHARED_DOI = "HA206"
    SHARED_TITLE = "HA207"
    SIMILAR_TITLE = "HA208"
    DATE_AGAINST_ARXIV_ID = "HA209"
    SUPERSEDED_IN_A_CIRCLE = "HA210"
    BROADER_IN_A_CIRCLE = "HA211"
    OUT_OF_ORDER = "HA212"
    VANISHED = "HA213"
    WRONG_TOMBSTONE = "HA214"
    IN_THE_FUTURE = "HA215"
    SUPERSEDED_BY_OLDER = "HA216"
    TO_BE_WRITTEN = "HA301"
    WRONG_FILE = "HA401"
    REPEATED_WORD = "HA402"
    TARGET_IS_SOURCE = "HA403"

    @property
    def severity(self) -> Severity:
        """Whether a problem of this kind fails the check."""
        return Severity.WARNING if self is Code.SIMILAR_TITLE else Severity.ERROR

    @property
    def documentation(self) -> str:
        """Where the rule is explained, as a path in the repository with an anchor."""
        return f"CONTRIBUTING.md#{self.value.lower()}"


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
        warning = "warning: " if self.code.severity is Severity.WARNING else ""
        text = f"{self.file}:{self.line}:{self.column}: {self.code} {warning}{self.message} ({self.mend})"
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


class BusyDataError(CatalogError, TimeoutError):
    """Another process has been changing the data files for too long."""

    def __init__(self, lock_file: str) -> None:
        self.lock_file = lock_file
        super().__init__(f"another process is changing data files and holds {lock_file}; wait for it, or end it")


class SiteBuildError(CatalogError, RuntimeError):
    """The site could not be built; says which step failed and what to do."""


class PictureError(CatalogError, ValueError):
    """A picture cannot be drawn or written; says what to do."""

    exit_code = 2


class MissingPackageError(CatalogError, ImportError):
    """A package that this step needs is not installed."""

    exit_code = 2

    def __init__(self, package: str, extra: str) -> None:
        self.package, self.extra = package, extra
        super().__init__(f"{package} is not installed; run: pip install 'headatlas[{extra}]'")


class ArxivIdError(CatalogError, ValueError):
    """What was given is no arXiv id; names every one of them."""

    exit_code = 2

    def __init__(self, wrong: Iterable[str]) -> None:
        self.wrong = list(wrong)
        names = ", ".join(map(repr, self.wrong))
        super().__init__(f"no arXiv id: {names}; write 2404.15574, hep-th/9901001, or the address of its arXiv page")


class ArxivError(CatalogError, RuntimeError):
    """arXiv could not be asked, or its answer cannot be relied on."""

    def __init__(self, address: str, reason: str, way_out: str) -> None:
        self.address, self.reason = address, reason
        super().__init__(f"{address}: {reason}; {way_out}")


class UnknownArxivIdError(CatalogError, KeyError):
    """arXiv knows no paper under these ids."""

    def __init__(self, unknown: Iterable[str]) -> None:
        self.unknown = list(unknown)
        ids = ", ".join(self.unknown)
        super().__init__(f"arXiv has no complete entry for {ids}; check on arxiv.org, or leave out what is not there")

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class FieldProblem:
    """One mistake in a submission: the question as the form words it, what is wrong, and what would be right."""

    label: str
    message: str
    snippet: str = ""
    """Text that could stand there in its place; empty where none can be offered."""

    def __str__(self) -> str:
        return f"{self.label}: {self.message}"


class SubmissionError(CatalogError, ValueError):
    """A submission cannot be taken in; carries every problem by field label, and what was understood."""

    def __init__(self, problems: Iterable[FieldProblem], understood: Mapping[str, str] | None = None) -> None:
        self.problems = list(problems)
        self.understood = dict(understood or {})
        super().__init__("\n".join(map(str, self.problems)))


FEW_NAMES = 10
"""Names that a message can list without getting hard to read."""

_LISTED_BY = {
    "paper": "headatlas paper list",
    "head type": "head_types.yaml",
    "model": "headatlas paper claims",
    "detector": "headatlas probe list",
    "relation": "data/relations",
    "export format": "headatlas paper export --list",
    "form": "headatlas paper forms",
}
"""Where people find all names of a kind."""


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
    if near := _near_names(wanted, names):
        hint = f"did you mean {', '.join(near)}?"
    elif not names:
        hint = f"there is no {kind} at all"
    else:
        reason = "nothing is spelled like it" if wanted.strip() else "the name is empty"
        hint = f"{reason}; {_all_names(kind, names)}"
    return f"unknown {kind} '{wanted}': {hint}"


def _all_names(kind: str, names: list[str]) -> str:
    """All names if they are few, else where they are listed."""
    if len(names) <= FEW_NAMES:
        return f"there are {', '.join(names)}" if len(names) > 1 else f"there is only {names[0]}"
    if kind in _LISTED_BY:
        return f"{_LISTED_BY[kind]} lists all {len(names)}"
    return f"there are {len(names)}, from {names[0]} to {names[-1]}"


def _near_names(wanted: str, names: list[str]) -> list[str]:
    """Up to three names that resemble the wanted one, as a whole or in one of their parts."""
    from difflib import SequenceMatcher

    def resemblance(name: str) -> float:
        parts = [name, *filter(None, name.replace("_", "-").split("-"))]
        return max(SequenceMatcher(None, wanted.lower(), part).ratio() for part in parts)

    if not wanted.strip():
        return []
    near = sorted((name for name in names if resemblance(name) >= 0.6), key=lambda name: -resemblance(name))
    return near[:3]
