"""What an experiment is: a question, settings, facts that every seed gives, and a record that sums them up.

The facts of a seed are written as soon as they are known, beside the trained weights, so that an experiment that was
stopped goes on with the next seed; a training that was stopped goes on from its last checkpoint.
"""

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from platformdirs import user_cache_path

from catalog.experiments import Bar, ExperimentRun, Figure, Metric, Series, Table, settings_key
from catalog.files import write_text
from catalog.ids import PaperId
from probes.devices import choose_device, one_thread
from probes.errors import BadInputError, DivergedError
from probes.experiments.report import Report
from probes.experiments.settings import Settings
from probes.provenance import code_sha256, provenance
from probes.tiny.stacked import train_stacked
from probes.tiny.tasks.base import Task
from probes.tiny.train import GPUS, train
from probes.tiny.training import Measure, Stop, Trained, Training
from probes.tiny.transformer import TinyConfig, save_model

Facts = dict[str, Any]
"""What one seed gives; whatever JSON can hold, without numbers that are not finite."""

DEFAULT_SEEDS = range(5)


@dataclass(frozen=True)
class Place:
    """Where and how an experiment is computed; nothing here decides its outcome but rounding."""

    device: str = "auto"
    """"auto" (cuda, else mps, else the CPU) or a torch device."""

    is_stacked: bool | None = None
    """Whether all seeds are trained in one program; left out, on a GPU."""

    work: Path | None = None
    """Folder for weights, checkpoints and facts of finished seeds; the user's cache if left out."""

    progress: bool = False
    """Show progress bars."""

    again: bool = False
    """Whether finished seeds are done once more."""


@dataclass(frozen=True)
class Summary:
    """What the facts of all seeds come to."""

    metrics: dict[str, Metric]
    series: dict[str, Series] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    figures: dict[str, Figure] = field(default_factory=dict)
    bars: list[Bar] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """One training, the same for every seed."""

    config: TinyConfig
    task: Task
    training: Training
    measure: Measure | None = None
    stop: Stop | None = None


class Experiment(ABC):
    """A question that is answered by computing; one file each."""

    name: ClassVar[str]
    """Name of the experiment and of its file."""

    question: ClassVar[str]
    """What it asks, in one sentence."""

    paper: ClassVar[PaperId | None] = None
    """Paper that it rebuilds."""

    choices: ClassVar[tuple[str, ...]] = ()
    """What the paper leaves open and we chose, in sentences."""

    settings: ClassVar[type[Settings]]

    attention: ClassVar[str] = "eager"
    """Attention implementation, for the record."""

    @abstractmethod
    def facts(self, settings: Any, seeds: Sequence[int], place: Place, work: Path) -> Iterable[tuple[int, Facts]]:
        """What the seeds give, one after the other.

        Args:
            settings: Of the experiment.
            seeds: Those that are not finished.
            place: Where and how to compute.
            work: Folder for weights and checkpoints of these settings.

        Yields:
            Seed and facts, as soon as they are known.
        """

    @abstractmethod
    def summarise(self, settings: Any, facts: Sequence[Facts]) -> Summary:
        """What the facts come to.

        Args:
            settings: Of the experiment.
            facts: Of every seed, in their order.

        Returns:
            Metrics, curves, tables, pictures and bars.
        """

    def run(self, seeds: Iterable[int] = DEFAULT_SEEDS, place: Place | None = None, **chosen: Any) -> Report:
        """Run the experiment.

        Args:
            seeds: One training each.
            place: Where and how to compute.
            chosen: Settings that differ from their defaults.

        Returns:
            The outcome; its save() writes the record.

        Raises:
            BadInputError: settings or seeds that are impossible, or a device that is missing.
            DivergedError: the loss of a training stopped being a number.
            TooManySeedsError: the seeds do not fit into memory together.
        """
        return self.run_with(self.settings.make(chosen), list(seeds), place or Place())

    def run_with(self, settings: Settings, seeds: Sequence[int], place: Place) -> Report:
        """Run the experiment with settings that are ready; see run."""
        self.finish(settings, seeds, place)
        work = work_folder(self.name, settings, place.work)
        finished = [KeptFacts(work, self.code_sha256()).read(seed) for seed in seeds]
        summary = self.summarise(settings, [kept["facts"] for kept in finished])
        made = provenance(
            "experiments.base",
            f"experiments.{self.name}",
            seconds=sum(kept["seconds"] for kept in finished),
            device=str(choose_device(place.device, GPUS)),
            dtype="float32",
            attention=self.attention,
        )
        run = ExperimentRun(
            experiment=self.name,
            question=self.question,
            paper=self.paper,
            choices=list(self.choices),
            settings_version=settings.version,
            settings=settings.record(),
            seeds=list(seeds),
            provenance=made,
            **vars(summary),
        )
        return Report(run, work)

    def finish(self, settings: Settings, seeds: Sequence[int], place: Place) -> list[int]:
        """Find out and keep the facts of all seeds that are not finished.

        Args:
            settings: Of the experiment.
            seeds: The seeds.
            place: Where and how to compute.

        Returns:
            Seeds that were not finished before.

        Raises:
            BadInputError: seeds that are impossible, or a device that is missing.
            DivergedError: the loss of a training stopped being a number; the seeds before it are kept.
            TooManySeedsError: the seeds do not fit into memory together.
        """
        if not seeds or len(set(seeds)) != len(seeds) or min(seeds) < 0:
            raise BadInputError(f"seeds {list(seeds)}: give at least one, each once, none below 0")
        choose_device(place.device, GPUS)
        work = work_folder(self.name, settings, place.work)
        kept = KeptFacts(work, self.code_sha256())
        missing = [seed for seed in seeds if place.again or kept.find(seed) is None]
        start = time.perf_counter()
        for seed, facts in self.facts(settings, missing, place, work) if missing else ():
            kept.add(seed, facts, time.perf_counter() - start)
            start = time.perf_counter()
        return missing

    def code_sha256(self) -> str:
        """Hash of the source files that decide what comes out."""
        return _code_sha256(self.name)


@cache
def _code_sha256(name: str) -> str:
    """Read once: a process goes on with the code that it started with."""
    return code_sha256("experiments.base", f"experiments.{name}")


class TrainedExperiment(Experiment):
    """An experiment that trains one small transformer a seed and measures it."""

    @abstractmethod
    def plan(self, settings: Any) -> Plan:
        """The training of every seed."""

    @abstractmethod
    def measure(self, settings: Any, trained: Trained) -> Facts:
        """What a trained model shows.

        Args:
            settings: Of the experiment.
            trained: The model, on the CPU, with what was noted while it was trained.

        Returns:
            The facts.
        """

    def facts(self, settings: Any, seeds: Sequence[int], place: Place, work: Path) -> Iterable[tuple[int, Facts]]:
        """Train and measure every seed; see Experiment.facts."""
        with one_thread():
            for trained in _trainings(self.plan(settings), seeds, place, work):
                folder = work / f"seed-{trained.seed}"
                save_model(trained.model, folder)
                if trained.diverged_at is not None:
                    raise DivergedError(trained.seed, trained.diverged_at, trained.n_steps, f"in {folder}")
                yield trained.seed, self.measure(settings, trained)


def _trainings(plan: Plan, seeds: Sequence[int], place: Place, work: Path) -> Iterable[Trained]:
    """Models as they are finished: all together where they are stacked, one by one otherwise."""
    is_gpu = choose_device(place.device, GPUS).type in GPUS
    parts = (plan.config, plan.task, plan.training)
    how: dict[str, Any] = {
        "measure": plan.measure,
        "stop": plan.stop,
        "device": place.device,
        "progress": place.progress,
    }
    if is_gpu if place.is_stacked is None else place.is_stacked:
        name = "-".join(map(str, seeds))
        yield from train_stacked(*parts, seeds, checkpoint=work / f"stacked-{name}.checkpoint", **how)
        (work / f"stacked-{name}.checkpoint").unlink(missing_ok=True)
        return
    for seed in seeds:
        checkpoint = work / f"seed-{seed}.checkpoint"
        yield train(*parts, seed, checkpoint=checkpoint, **how)
        checkpoint.unlink(missing_ok=True)


class KeptFacts:
    """Facts of finished seeds in a folder, with the time that each took."""

    def __init__(self, folder: Path, code: str) -> None:
        self._folder, self._code = folder, code

    def find(self, seed: int) -> dict[str, Any] | None:
        """What is kept of a seed, if the same code found it out.

        Args:
            seed: The seed.

        Returns:
            "facts" and "seconds"; None if they are not there.
        """
        path = self._path(seed)
        try:
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        except ValueError:
            return None
        return found if found.get("code_sha256") == self._code else None

    def read(self, seed: int) -> dict[str, Any]:
        """What is kept of a seed that is finished; see find."""
        found = self.find(seed)
        assert found is not None, f"facts() gave none for seed {seed}"
        return found

    def add(self, seed: int, facts: Facts, seconds: float) -> None:
        """Keep what a seed gave.

        Args:
            seed: The seed.
            facts: The facts.
            seconds: Wall time that they took.
        """
        text = json.dumps({"code_sha256": self._code, "seconds": seconds, "facts": facts}, allow_nan=False)
        write_text(self._path(seed), text + "\n")

    def _path(self, seed: int) -> Path:
        return self._folder / f"seed-{seed}.json"


def work_folder(name: str, settings: Settings, chosen: Path | None = None) -> Path:
    """Folder that holds weights, checkpoints and facts of an experiment under some settings.

    Args:
        name: Of the experiment.
        settings: The settings.
        chosen: Folder of all experiments; the user's cache if left out.

    Returns:
        The folder; it may not exist yet.
    """
    folder = chosen or user_cache_path("headatlas") / "experiments"
    return folder / name / settings_key(name, settings.version, settings.record(), [])
