"""Runs that are written as they finish, and found again: a run that was killed goes on where it stopped."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from catalog.errors import InvalidDataError
from catalog.runs import ProbeRun, read_run, run_path_of, write_run
from probes.adapters.base import ProbedModel
from probes.errors import RunNotSavedError
from probes.provenance import code_sha256


@dataclass(frozen=True)
class Question:
    """What decides the outcome of a run: two runs that answer the same question need not both be made."""

    model: ProbedModel
    detector: str
    inputs: str
    settings: Mapping[str, int | float | str | bool | None]
    """They hold the seeds or the hashes of everything that the model reads."""

    seed: int

    def is_answered_by(self, run: ProbeRun) -> bool:
        """Whether a run was made with the same weights, inputs, number format and code.

        Args:
            run: Any run.

        Returns:
            True if measuring again could only repeat it.
        """
        asked = (self.model.record, self.detector, self.inputs, dict(self.settings), self.seed, self.dtype)
        answered = (run.model, run.probe, run.inputs, run.settings, run.seed, run.provenance.dtype)
        return asked == answered and run.provenance.code_sha256 == code_sha256(f"detectors.{self.detector}")

    @property
    def dtype(self) -> str:
        """Number format of the weights."""
        return str(self.model.dtype).removeprefix("torch.")


class FinishedRuns:
    """A folder of runs that is filled while a request is under way."""

    def __init__(self, folder: Path, *, say: Callable[[str], None] | None = None, measure_again: bool = False) -> None:
        """Use a folder.

        Args:
            folder: Folder of all runs, such as data/runs.
            say: Told what happens to each run, in one line.
            measure_again: Never take a run from the folder; those that only repeat are still not written again.
        """
        self.folder = folder
        self.n_finished = 0
        """Runs that were written or found so far."""

        self._say = say
        self._measure_again = measure_again

    def find(self, question: Question) -> ProbeRun | None:
        """A run in the folder that answers a question.

        Args:
            question: The question.

        Returns:
            The run; None if it must be measured.
        """
        path = run_path_of(self.folder, question.model.record.slug, question.detector)
        if self._measure_again or not path.is_file():
            return None
        try:
            run = read_run(path)
        except InvalidDataError:
            return None
        if not question.is_answered_by(run):
            return None
        self._note(f"confirmed, not measured again: {path}")
        return run

    def add(self, run: ProbeRun) -> None:
        """Write a run.

        Args:
            run: The run.

        Raises:
            RunNotSavedError: the folder cannot be written; a file that was there is untouched.
        """
        try:
            path, is_new = write_run(self.folder, run)
        except OSError as error:
            raise RunNotSavedError(self.folder, error.strerror or str(error)) from error
        self._note(f"{'written' if is_new else 'confirmed, nothing changed'}: {path}")

    def _note(self, line: str) -> None:
        self.n_finished += 1
        if self._say is not None:
            self._say(line)
