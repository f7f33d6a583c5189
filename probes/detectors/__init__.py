"""Detectors, one file each; found because of where they lie."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.plugins import names_in
from probes.errors import UnknownDetectorError

if TYPE_CHECKING:
    from probes.detectors.base import Detector


def names() -> list[str]:
    """Names of all detectors, in alphabetical order; nothing is imported.

    Returns:
        The names.
    """
    return names_in(Path(__file__).parent)


def load(name: str) -> Detector:
    """Detector of this name.

    Args:
        name: Such as "induction".

    Returns:
        The detector.

    Raises:
        UnknownDetectorError: there is none; names the nearest ones.
    """
    if name not in names():
        raise UnknownDetectorError(name, names())
    detector: Detector = import_module(f"probes.detectors.{name}").DETECTOR
    return detector


def describe(name: str) -> str:
    """What a detector measures, read from its file without importing it.

    Args:
        name: Such as "induction".

    Returns:
        The text at the top of the file; its first line stands for itself.

    Raises:
        UnknownDetectorError: there is none; names the nearest ones.
    """
    if name not in names():
        raise UnknownDetectorError(name, names())
    source = (Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8")
    return ast.get_docstring(ast.parse(source)) or ""
