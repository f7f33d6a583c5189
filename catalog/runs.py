"""The records that probes write and the site reads: one run of one probe on one model."""

from __future__ import annotations

import errno
import math
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, FiniteFloat, StringConstraints, model_validator

from catalog.files import write_text
from catalog.ids import HeadName, HeadTypeId
from catalog.models import Record, Share, Text
from catalog.record_files import dump_record, earlier_record, read_record, read_records

SAME_NUMBER = 1e-5
"""Two recorded scores that differ by less are the same measurement on two machines."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Matrix = list[list[float | None]]
"""Numbers by layer, then by head; None for a head without a score, such as one of a layer without softmax attention."""

MATRICES = ("scores", "standard_errors", "null_scores", "null_standard_errors", "q_values")


class MeasuredModel(Record):
    """Which weights were measured; a revision or a hash of the weights is required."""

    slug: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(?:-{1,2}[a-z0-9]+)*$")] = Field(
        description="Name of the model's folder and page."
    )
    name: Text = Field(description="Name for people.")
    hub_id: Text | None = Field(default=None, description="Hugging Face id of the weights or of what they came from.")
    revision: Text | None = Field(default=None, description="Commit of the weights on the hub.")
    weights_sha256: Sha256 | None = Field(default=None, description="SHA-256 over the weight files.")
    quantization: Text | None = Field(default=None, description="How the weights were quantised before loading.")
    architecture: Text = Field(description="Class of the model in transformers.")
    n_layers: int = Field(gt=0, description="Number of layers.")
    n_heads: int = Field(gt=0, description="Number of query heads in a layer.")
    n_key_value_heads: int = Field(gt=0, description="Number of key-value heads in a layer.")
    d_model: int = Field(gt=0, description="Width of the residual stream.")
    d_head: int = Field(gt=0, description="Width of a query head.")
    n_parameters: int = Field(gt=0, description="Number of parameters.")

    @property
    def weights(self) -> tuple[str | None, str | None]:
        """Which weights these are: hash of the files, commit on the hub."""
        return self.weights_sha256, self.revision

    @model_validator(mode="after")
    def _weights_are_known(self) -> Self:
        if self.revision is None and self.weights_sha256 is None:
            raise ValueError("neither revision nor weights_sha256: a run on unknown weights proves nothing")
        return self


class Provenance(Record):
    """How a run came about, so that it can be repeated."""

    created: AwareDatetime = Field(description="When the run ended, with time zone.")
    seconds: float = Field(ge=0, description="Wall time of the measurement in seconds.")
    headatlas: Text = Field(description="Version of headatlas.")
    code_sha256: Sha256 = Field(description="SHA-256 over the source files that decide the numbers.")
    python: Text = Field(description="Version of Python.")
    torch: Text = Field(description="Version of torch.")
    transformers: Text = Field(description="Version of transformers.")
    device: Text = Field(description="Where the model ran, such as cpu or cuda:0.")
    dtype: Text = Field(description="Number format of the weights while measuring.")
    attention: Text = Field(description="Attention implementation that computed the scores.")


class ProbeRun(Record):
    """Scores of every head of one model under one probe, with uncertainty, null and provenance."""

    format: Literal[1] = Field(default=1, description="Version of this file format.")
    probe: HeadTypeId = Field(description="Name of the detector.")
    head_type: HeadTypeId = Field(description="Head type that it measures.")
    family: Literal["pattern", "weight", "direct effect", "causal"] = Field(description="What kind of score it is.")
    model: MeasuredModel = Field(description="The model that was measured.")
    inputs: Text = Field(description="What the model read, in words.")
    settings: dict[str, int | float | str | bool | None] = Field(description="Every setting of the inputs.")
    seed: int = Field(description="Seed of the inputs and of the null.")
    n_samples: int = Field(ge=2, description="Number of samples that the scores are means over.")
    unit: Text = Field(default="probability", description="Unit of the scores, such as probability, bits or logits.")
    threshold: FiniteFloat = Field(description="Score from which a head may be called a member of the type.")
    false_discovery_rate: Share = Field(description="Rate at which the q-values were cut for calling a head.")
    scores: Matrix = Field(description="Mean score by layer and head.")
    standard_errors: Matrix = Field(description="Standard error of each score over the samples.")
    null_scores: Matrix = Field(description="Mean of the same measure under the null, by layer and head.")
    null_standard_errors: Matrix = Field(description="Standard error of each null score over the samples.")
    q_values: Matrix = Field(description="Smallest false-discovery rate at which the head beats its null.")
    notes: dict[str, int | float | str | bool] = Field(
        default={}, description="What must be known to read the scores, such as the model's accuracy on the task."
    )
    provenance: Provenance = Field(description="How the run came about.")

    @model_validator(mode="after")
    def _matrices_fit_model(self) -> Self:
        wanted = (self.model.n_layers, self.model.n_heads)
        for name in MATRICES:
            matrix: Matrix = getattr(self, name)
            got = (len(matrix), *sorted({len(row) for row in matrix}))
            if got != wanted:
                raise ValueError(f"{name} has shape {got}, the model has (layers, heads) {wanted}")
            if not all(math.isfinite(value) for row in matrix for value in row if value is not None):
                raise ValueError(f"{name} holds a value that is not a number; leave out what was not measured")
            if _missing(matrix) != _missing(self.scores):
                raise ValueError(f"{name} and scores leave out different heads")
        if not any(True for _ in self.heads()):
            raise ValueError("no head has a score")
        return self

    def heads(self) -> Iterator[HeadName]:
        """All heads that have a score, layer by layer."""
        return (
            HeadName(layer, head)
            for layer, row in enumerate(self.scores)
            for head, score in enumerate(row)
            if score is not None
        )

    def score(self, name: HeadName) -> float:
        """Score of one head.

        Args:
            name: The head.

        Returns:
            Its score, in the run's unit.

        Raises:
            KeyError: the head has no score.
        """
        return at(self.scores, name)

    def ranked(self) -> list[HeadName]:
        """All heads, highest score first."""
        return self._by_score(self.heads())

    def is_called(self, name: HeadName) -> bool:
        """Whether a head counts as a member of the type: above the threshold and beyond the null."""
        return self.score(name) >= self.threshold and at(self.q_values, name) <= self.false_discovery_rate

    def called(self) -> list[HeadName]:
        """Heads that count as members of the type, highest score first."""
        return self._by_score(filter(self.is_called, self.heads()))

    def _by_score(self, names: Iterable[HeadName]) -> list[HeadName]:
        return sorted(names, key=lambda name: -self.score(name))

    def repeats(self, other: ProbeRun) -> bool:
        """Whether another run is the same measurement with the same outcome, up to rounding of the machine."""
        same_question = all(
            getattr(self, field) == getattr(other, field)
            for field in type(self).model_fields
            if field not in {*MATRICES, "notes", "provenance"}
        )
        same_code = self.provenance.code_sha256 == other.provenance.code_sha256
        same_heads = set(self.called()) == set(other.called())
        return same_question and same_code and same_heads and _close(self.scores, other.scores)


def at(matrix: Matrix, name: HeadName) -> float:
    """Number of one head.

    Args:
        matrix: Numbers by layer, then by head.
        name: The head.

    Returns:
        The number.

    Raises:
        KeyError: the head has no score.
    """
    value = matrix[name.layer][name.head]
    if value is None:
        raise KeyError(f"{name} has no score here: its layer has no softmax attention, or cannot see what counts")
    return value


def _missing(matrix: Matrix) -> list[bool]:
    return [value is None for value in chain.from_iterable(matrix)]


def _close(left: Matrix, right: Matrix) -> bool:
    pairs = zip(chain.from_iterable(left), chain.from_iterable(right), strict=True)
    return all(a == b if a is None or b is None else abs(a - b) <= SAME_NUMBER for a, b in pairs)


def run_path(folder: Path, run: ProbeRun) -> Path:
    """File of a run below the folder of all runs."""
    return run_path_of(folder, run.model.slug, run.probe)


def run_path_of(folder: Path, slug: str, probe: str) -> Path:
    """File that the run of one detector on one model has, or would have."""
    return folder / slug / f"{probe}.json"


def write_run(folder: Path, run: ProbeRun) -> tuple[Path, bool]:
    """Write a run to its file, unless that file already records the same outcome.

    Args:
        folder: Folder of all runs, such as data/runs.
        run: The run.

    Returns:
        The file, and whether it was written (False: it already said the same).

    Raises:
        FileExistsError: the file records a run on other weights of the same name.
        OSError: the folder cannot be written; a file that was there is untouched.
    """
    path = run_path(folder, run)
    earlier = earlier_record(path, ProbeRun)
    if earlier is not None:
        check_same_weights(path, earlier.model, run.model)
        if earlier.repeats(run):
            return path, False
    write_text(path, dump_record(run))
    return path, True


def check_same_weights(path: Path, earlier: MeasuredModel, model: MeasuredModel) -> None:
    """Refuse to write over a record on other weights.

    Args:
        path: The file of the earlier record.
        earlier: The model that it records.
        model: The model of the new record.

    Raises:
        FileExistsError: they are other weights of the same name.
    """
    if earlier.weights != model.weights:
        reason = f"holds a run on other weights under the name {model.slug}, record this one under another name"
        raise FileExistsError(errno.EEXIST, reason, str(path))


def read_run(path: Path) -> ProbeRun:
    """Read one run; raises like `catalog.record_files.read_record`."""
    return read_record(path, ProbeRun)


def read_runs(folder: Path) -> list[ProbeRun]:
    """Read every run below a folder, in order of model and probe; raises like `catalog.record_files.read_records`."""
    return read_records(folder, ProbeRun, run_path)
