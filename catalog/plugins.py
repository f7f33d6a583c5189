"""Plug-ins: files of a folder that are found because of where they lie, and imported only when one is asked for."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path


def names_in(folder: Path, passed_over: Collection[str] = ("base",)) -> list[str]:
    """Names of the plug-ins of a folder; nothing is imported.

    Args:
        folder: The folder.
        passed_over: Files that are no plug-ins, besides those whose name starts with an underscore.

    Returns:
        The names, in alphabetical order.
    """
    return sorted(
        file.stem for file in folder.glob("*.py") if file.stem not in passed_over and not file.stem.startswith("_")
    )
