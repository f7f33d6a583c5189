"""Tasks that small transformers are trained on, one file each; found because of where they lie."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.plugins import names_in
from probes.errors import UnknownTaskError

if TYPE_CHECKING:
    from probes.tiny.tasks.base import Task


def names() -> list[str]:
    """Names of all tasks, in alphabetical order; nothing is imported.

    Returns:
        The names.
    """
    return names_in(Path(__file__).parent)


def load(name: str) -> type[Task]:
    """Class of the task of this name; its instances are tasks with their settings.

    Args:
        name: Such as "counting".

    Returns:
        The class.

    Raises:
        UnknownTaskError: there is none; names the nearest ones.
    """
    if name not in names():
        raise UnknownTaskError(name, names())
    task: type[Task] = import_module(f"probes.tiny.tasks.{name}").TASK
    return task
