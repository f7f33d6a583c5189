"""Probes: measure attention heads of any Hugging Face decoder, with uncertainty, a null and provenance.

from probes import load_model, run

model = load_model("demo")
result = run(model, ["induction", "previous_token"])
result["induction"].top(5)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from probes.errors import MissingPackageError

if TYPE_CHECKING:
    from probes.adapters._loading import load_model
    from probes.finished import FinishedRuns
    from probes.scores import HeadScores, Results
    from probes.service import run

__all__ = ["FinishedRuns", "HeadScores", "Results", "load_model", "run"]

_HOMES = {
    "FinishedRuns": "probes.finished",
    "HeadScores": "probes.scores",
    "Results": "probes.scores",
    "load_model": "probes.adapters._loading",
    "run": "probes.service",
}


def __getattr__(name: str) -> Any:
    """Public names are resolved on first use, so that importing this package costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'probes' has no attribute '{name}'")
    try:
        return getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in {"probes", "catalog"}:
            raise
        raise MissingPackageError(error.name, "probes") from error
