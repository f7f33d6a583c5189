"""Many models under many detectors: independent tasks, here, on processes or on Ray, that are never done twice.

A task is one model with its detectors. Whatever its worker finishes is written at once to the folder of runs and to the
journal beside them; a task that is started again, because its worker was killed or the sweep was, takes what is written
and measures the rest.
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

from catalog.errors import HeadAtlasError
from catalog.files import write_text
from probes.errors import BadInputError
from probes.standard import DTYPE, HALF_LENGTH, N_SAMPLES, SEED
from probes.workers import Engine, check_engine, outcomes

REPORT, JOURNAL = "sweep.json", "sweep.log"
"""Files in the folder of a sweep: the outcome of every model, and a line for every run as it finishes."""

RUNS = "runs"
"""Folder of the runs in the folder of a sweep."""


@dataclass(frozen=True)
class Settings:
    """What is the same for all tasks of a sweep."""

    output: Path
    """Folder of the sweep."""

    detectors: tuple[str, ...] | None = None
    """Names of detectors; None for all that each model can serve."""

    half_length: int = HALF_LENGTH
    n_samples: int = N_SAMPLES
    seed: int = SEED
    device: str = "auto"
    dtype: str = DTYPE
    trust_remote_code: bool = False
    allow_pickle: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of one model."""

    model: str
    status: Literal["finished", "failed"]
    reason: str = ""
    """Why it failed, in one line."""

    n_measured: int = 0
    """Detectors that the last start of the task measured."""

    n_confirmed: int = 0
    """Detectors that were found finished."""

    left_out: dict[str, str] = field(default_factory=dict)
    """Reasons by name of the detectors that this model cannot serve."""


def read_models(path: Path) -> list[str]:
    """Models of a sweep.

    Args:
        path: Text file with one model a line: "demo", a Hugging Face id with "@revision" behind it or without, a
            folder or a .gguf file. Empty lines, and what stands behind "#", are passed over.

    Returns:
        The models, each once.

    Raises:
        BadInputError: the file cannot be read, or names no model.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path}: cannot be read as text ({error})") from error
    models = list(dict.fromkeys(name for line in lines if (name := line.partition("#")[0].strip())))
    if not models:
        raise BadInputError(f"{path}: names no model; write one a line")
    return models


def sweep(
    models: Sequence[str],
    settings: Settings,
    *,
    engine: Engine = Engine.HERE,
    n_workers: int = 2,
    say: Callable[[str], None] | None = None,
) -> list[Outcome]:
    """Measure many models; a model that fails is recorded with its reason and does not stop the others.

    Args:
        models: As in `read_models`.
        settings: What is the same for all of them.
        engine: What does the tasks.
        n_workers: Models that are measured at the same time, on processes or Ray.
        say: Told what became of each model, in one line.

    Returns:
        The outcomes in the order of the models; they are also written to sweep.json as each model ends.

    Raises:
        MissingPackageError: Ray is asked for and not installed.
        OSError: the folder of the sweep cannot be written.
    """
    check_engine(engine)
    settings.output.mkdir(parents=True, exist_ok=True)
    found: dict[str, Outcome] = {}
    task = partial(measure_model, settings=settings, progress=engine is Engine.HERE)
    for outcome in outcomes(task, models, engine=engine, n_workers=n_workers, lost=_lost):
        found[outcome.model] = outcome
        _write_report(settings.output / REPORT, [found[model] for model in models if model in found])
        if say is not None:
            say(_line(outcome))
    return [found[model] for model in models]


def measure_model(model: str, settings: Settings, *, progress: bool = False) -> Outcome:
    """Do one task; a failure is its outcome, not an error.

    Args:
        model: The model.
        settings: Of the sweep.
        progress: Show progress bars.

    Returns:
        The outcome.
    """
    from probes import FinishedRuns, load_model, run

    journal = Journal(settings.output / JOURNAL, model)
    try:
        source, _, revision = model.partition("@") if not Path(model).exists() else (model, "", "")
        loaded = load_model(
            source,
            revision=revision or None,
            device=settings.device,
            dtype=settings.dtype,
            name=model if revision else None,
            trust_remote_code=settings.trust_remote_code,
            allow_pickle=settings.allow_pickle,
        )
        results = run(
            loaded,
            settings.detectors,
            half_length=settings.half_length,
            n_samples=settings.n_samples,
            seed=settings.seed,
            keep=FinishedRuns(settings.output / RUNS, say=journal.note),
            progress=progress,
        )
    except Exception as error:  # whatever a model does must not stop the others
        kind = "" if isinstance(error, HeadAtlasError) else f"{type(error).__name__}: "
        reason = " ".join(f"{kind}{error}".split())
        return Outcome(model, "failed", reason, journal.n_measured, journal.n_confirmed)
    return Outcome(model, "finished", "", journal.n_measured, journal.n_confirmed, results.left_out)


class Journal:
    """The file that says when, where and for which model each run finished."""

    def __init__(self, path: Path, model: str) -> None:
        """Write about one model.

        Args:
            path: The file; lines are added at its end.
            model: The model.
        """
        self._path, self._model = path, model
        self.n_measured = self.n_confirmed = 0

    def note(self, line: str) -> None:
        """Add a line.

        Args:
            line: What FinishedRuns says of a run.
        """
        is_confirmed = line.startswith("confirmed, not measured")
        self.n_confirmed += is_confirmed
        self.n_measured += not is_confirmed
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{now} {os.getpid()} {self._model}: {line}\n")


def _lost(model: str, reason: str) -> Outcome:
    return Outcome(model, "failed", reason)


def _write_report(path: Path, outcomes: Sequence[Outcome]) -> None:
    write_text(path, json.dumps([asdict(outcome) for outcome in outcomes], indent=2, ensure_ascii=False) + "\n")


def _line(outcome: Outcome) -> str:
    if outcome.status == "failed":
        return f"failed: {outcome.model}: {outcome.reason}"
    left_out = f", {len(outcome.left_out)} left out" if outcome.left_out else ""
    return f"finished: {outcome.model}: {outcome.n_measured} measured, {outcome.n_confirmed} confirmed{left_out}"
