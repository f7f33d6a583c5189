"""Experiments that train small transformers, one question each; found because of where they lie.

from probes.experiments import counting

report = counting.run(seeds=range(5), heads=8)
report.table()
report.plot("emergence")
"""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.plugins import names_in
from probes.errors import UnknownExperimentError

if TYPE_CHECKING:
    from probes.experiments.base import Experiment


PASSED_OVER = ("base", "report", "settings")
"""Files of the folder that are no experiments."""


def names() -> list[str]:
    """Names of all experiments, in alphabetical order; nothing is imported.

    Returns:
        The names.
    """
    return names_in(Path(__file__).parent, PASSED_OVER)


def load(name: str) -> Experiment:
    """Experiment of this name.

    Args:
        name: Such as "counting".

    Returns:
        The experiment.

    Raises:
        UnknownExperimentError: there is none; names the nearest ones.
    """
    _refuse_unknown(name)
    experiment: Experiment = import_module(f"probes.experiments.{name}").EXPERIMENT
    return experiment


def describe(name: str) -> str:
    """What an experiment asks, read from its file without importing it.

    Args:
        name: Such as "counting".

    Returns:
        The text at the top of the file; its first line stands for itself.

    Raises:
        UnknownExperimentError: there is none; names the nearest ones.
    """
    _refuse_unknown(name)
    source = (Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8")
    return ast.get_docstring(ast.parse(source)) or ""


def _refuse_unknown(name: str) -> None:
    if name not in names():
        raise UnknownExperimentError(name, names())
