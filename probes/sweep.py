"""Many models under many detectors: independent tasks, here or on Ray, that are never done twice.

A task is one model with its detectors. Whatever its worker finishes is written at once to the folder of runs and to the
journal beside them; a task that is started again, because its worker was killed or the sweep was, takes what is written
and measures the rest.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from catalog.errors import HeadAtlasError
from catalog.files import write_text
from probes.errors import BadInputError, MissingPackageError
from probes.standard import DTYPE, HALF_LENGTH, N_SAMPLES, SEED


class Engine(StrEnum):
    """What does the tasks."""

    HERE = "here"
    """This process, one model after the other."""

    RAY = "ray"
    """Workers of Ray, one model a worker."""


REPORT, JOURNAL = "sweep.json", "sweep.log"
"""Files in the folder of a sweep: the outcome of every model, and a line for every run as it finishes."""

RUNS = "runs"
"""Folder of the runs in the folder of a sweep."""

N_STARTS = 4
"""How often a task is started before its workers are given up."""


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
        n_workers: Models that are measured at the same time; only with Ray.
        say: Told what became of each model, in one line.

    Returns:
        The outcomes in the order of the models; they are also written to sweep.json as each model ends.

    Raises:
        MissingPackageError: Ray is asked for and not installed.
        OSError: the folder of the sweep cannot be written.
    """
    if engine is Engine.RAY and find_spec("ray") is None:
        raise MissingPackageError("ray", "ray")
    settings.output.mkdir(parents=True, exist_ok=True)
    outcomes: dict[str, Outcome] = {}
    for outcome in _on_ray(models, settings, n_workers) if engine is Engine.RAY else _here(models, settings):
        outcomes[outcome.model] = outcome
        _write_report(settings.output / REPORT, [outcomes[model] for model in models if model in outcomes])
        if say is not None:
            say(_line(outcome))
    return [outcomes[model] for model in models]


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


def _here(models: Iterable[str], settings: Settings) -> Iterator[Outcome]:
    for model in models:
        yield measure_model(model, settings, progress=True)


def _on_ray(models: Sequence[str], settings: Settings, n_workers: int) -> Iterator[Outcome]:
    """Outcomes as they come in; never more than so many tasks at a time."""
    import ray

    _start_ray(ray, n_workers)
    try:
        task = ray.remote(**_needs(ray))(measure_model)
        waiting = list(models)
        running: dict[Any, str] = {}
        while waiting or running:
            while waiting and len(running) < n_workers:
                model = waiting.pop(0)
                running[task.remote(model, settings)] = model
            (done, *_), _ = ray.wait(list(running))
            yield _collect(ray, done, running.pop(done))
    finally:
        ray.shutdown()


def _start_ray(ray: Any, n_workers: int) -> None:
    """Join the cluster that RAY_ADDRESS names, or start one on this machine."""
    if os.environ.get("RAY_ADDRESS"):
        ray.init(log_to_driver=False)
    else:
        ray.init(num_cpus=n_workers, include_dashboard=False, log_to_driver=False, logging_level="error")


def _needs(ray: Any) -> dict[str, Any]:
    """What a task takes: a GPU where there are any; started again if its worker is killed, not if it fails."""
    n_gpus = 1 if ray.cluster_resources().get("GPU") else 0
    return {"num_cpus": 1, "num_gpus": n_gpus, "max_retries": N_STARTS - 1, "max_calls": 1}


def _collect(ray: Any, task: Any, model: str) -> Outcome:
    try:
        outcome: Outcome = ray.get(task)
    except ray.exceptions.RayError as error:
        reason = " ".join(str(error).split())
        return Outcome(model, "failed", f"its worker was lost {N_STARTS} times ({reason})")
    return outcome


def _write_report(path: Path, outcomes: Sequence[Outcome]) -> None:
    write_text(path, json.dumps([asdict(outcome) for outcome in outcomes], indent=2, ensure_ascii=False) + "\n")


def _line(outcome: Outcome) -> str:
    if outcome.status == "failed":
        return f"failed: {outcome.model}: {outcome.reason}"
    left_out = f", {len(outcome.left_out)} left out" if outcome.left_out else ""
    return f"finished: {outcome.model}: {outcome.n_measured} measured, {outcome.n_confirmed} confirmed{left_out}"
