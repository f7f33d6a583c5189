"""An experiment under many settings: one task for each settings and seed, none of them done twice.

A task trains and measures one seed and keeps its facts. As soon as all seeds of some settings are there, their record
is written. A sweep that was killed and is started again finds the facts and does what is missing.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from catalog.errors import HeadAtlasError
from probes import experiments
from probes.errors import BadInputError
from probes.experiments.base import Place
from probes.experiments.settings import Settings
from probes.workers import Engine, check_engine, outcomes

JOURNAL = "sweep.log"
"""File in the folder of a sweep: a line for every seed as it is finished."""

WORK = "work"
"""Folder for weights, checkpoints and facts in the folder of a sweep."""


@dataclass(frozen=True)
class Task:
    """One seed under some settings."""

    experiment: str
    settings: Settings
    seed: int


@dataclass(frozen=True)
class Outcome:
    """What became of a task."""

    task: Task
    reason: str = ""
    """Why it failed, in one line; empty where it did not."""

    was_there: bool = False
    """Whether it was found finished."""


def grid(experiment: str, values: Mapping[str, Sequence[Any]]) -> list[Settings]:
    """All settings that some values give together.

    Args:
        experiment: Name of the experiment.
        values: Values to try, by name of the setting.

    Returns:
        The settings, the last name varying fastest, each once.

    Raises:
        BadInputError: an unknown name, a value that does not fit, or settings that contradict each other.
    """
    kind = experiments.load(experiment).settings
    combinations = product(*values.values())
    return list(dict.fromkeys(kind.make(dict(zip(values, chosen, strict=True))) for chosen in combinations))


def sweep(
    experiment: str,
    settings: Sequence[Settings],
    seeds: Sequence[int],
    output: Path,
    *,
    engine: Engine = Engine.HERE,
    n_workers: int = 2,
    device: str = "auto",
    say: Callable[[str], None] | None = None,
) -> list[Outcome]:
    """Run an experiment under many settings; a seed that fails does not stop the others.

    Args:
        experiment: Name of the experiment.
        settings: All settings.
        seeds: Seeds of every one of them.
        output: Folder for records, journal, weights and facts.
        engine: What does the tasks.
        n_workers: Tasks at the same time; not with Engine.HERE.
        device: Where a task computes.
        say: Told what became of each task, and which records are written, in one line each.

    Returns:
        The outcomes, as they came in.

    Raises:
        BadInputError: no settings or no seeds.
        MissingPackageError: Ray is asked for and not installed.
        OSError: the folder cannot be written.
    """
    check_engine(engine)
    tasks = [Task(experiment, chosen, seed) for chosen in settings for seed in seeds]
    if not tasks:
        raise BadInputError("a sweep needs settings and seeds")
    output.mkdir(parents=True, exist_ok=True)
    place = Place(device=device, work=(output / WORK).resolve(), progress=engine is Engine.HERE)
    do = partial(do_task, place=place, journal=(output / JOURNAL).resolve())
    lost: Callable[[Task, str], Outcome] = Outcome
    tell = say or (lambda _: None)
    missing = {chosen: set(seeds) for chosen in settings}
    found = []
    for outcome in outcomes(do, tasks, engine=engine, n_workers=n_workers, lost=lost):
        found.append(outcome)
        tell(_line(outcome))
        task = outcome.task
        if not outcome.reason:
            missing[task.settings].discard(task.seed)
            if not missing[task.settings]:
                report = experiments.load(experiment).run_with(task.settings, seeds, place)
                tell(f"written: {report.save(output)}")
    return found


def do_task(task: Task, *, place: Place, journal: Path) -> Outcome:
    """Train and measure one seed, unless its facts are there; a failure is its outcome, not an error.

    Args:
        task: The task.
        place: Where and how to compute.
        journal: File that a line is added to when the seed is finished.

    Returns:
        The outcome.
    """
    try:
        new = experiments.load(task.experiment).finish(task.settings, [task.seed], place)
    except Exception as error:  # whatever a seed does must not stop the others
        kind = "" if isinstance(error, HeadAtlasError) else f"{type(error).__name__}: "
        return Outcome(task, " ".join(f"{kind}{error}".split()))
    if new:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with journal.open("a", encoding="utf-8") as file:
            file.write(f"{now} {os.getpid()} finished: {_name(task)}\n")
    return Outcome(task, was_there=not new)


def _name(task: Task) -> str:
    """Settings that differ from their defaults, and the seed."""
    defaults = type(task.settings)().record()
    changed = [f"{name}={value}" for name, value in task.settings.record().items() if value != defaults[name]]
    return " ".join([task.experiment, *changed, f"seed {task.seed}"])


def _line(outcome: Outcome) -> str:
    if outcome.reason:
        return f"failed: {_name(outcome.task)}: {outcome.reason}"
    return f"{'found' if outcome.was_there else 'finished'}: {_name(outcome.task)}"
