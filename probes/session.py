"""One request under way: what is measured together, what was found, what failed."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.progress import Progress

from catalog.runs import Matrix, ProbeRun
from probes.adapters.base import ProbedModel
from probes.detectors.base import Detector, PassDetector, Samples, WeightDetector
from probes.errors import (
    BadInputError,
    InputTooShortError,
    NotEnoughMemoryError,
    ProbeError,
    SelfCheckError,
    UnsupportedModelError,
)
from probes.finished import FinishedRuns, Question
from probes.inputs import TokenBatch
from probes.measure import measure, measure_weights
from probes.provenance import provenance
from probes.recipes.base import Recipe
from probes.shapes import LayerHead
from probes.statistics import FALSE_DISCOVERY_RATE, mean_and_standard_error, q_values

DECIMALS = 6
"""Decimals of a recorded score."""

REASONS_TO_LEAVE_OUT = (BadInputError, InputTooShortError, NotEnoughMemoryError, SelfCheckError, UnsupportedModelError)
"""Errors for which a detector is left out where all are asked for, and the others go on."""


@dataclass
class Session:
    """Runs detectors on one model; groups that share their input are given to it one after the other."""

    model: ProbedModel
    seed: int
    is_strict: bool
    """Whether a detector that cannot be run is an error rather than left out."""

    keep: FinishedRuns | None
    bars: Progress
    found: dict[str, ProbeRun] = field(default_factory=dict)
    failures: dict[str, ProbeError] = field(default_factory=dict)

    def run_group(self, detectors: Sequence[Detector], recipe: Recipe | None) -> None:
        """Run detectors that share their input; if together they fail, one by one.

        Args:
            detectors: At least one.
            recipe: What they read; None if they read weights.

        Raises:
            ProbeError: the request is strict and a detector cannot be run, or a run cannot be written.
        """
        error = self._try(detectors, recipe)
        if error is None:
            return
        if len(detectors) == 1 or self.is_strict:
            self.fail(detectors[0], error)
            return
        for detector in detectors:
            self.run_group([detector], recipe)

    def fail(self, detector: Detector, error: ProbeError) -> None:
        """Note that a detector cannot be run.

        Args:
            detector: The detector.
            error: Why.

        Raises:
            ProbeError: the error, if the request is strict.
        """
        if self.is_strict:
            raise error
        self.failures[detector.name] = error

    def _try(self, detectors: Sequence[Detector], recipe: Recipe | None) -> ProbeError | None:
        """Run detectors together; what they raised, if it is a reason to leave a detector out."""
        try:
            if recipe is None:
                self._run_weights([one for one in detectors if isinstance(one, WeightDetector)])
            else:
                self._run_pass([one for one in detectors if isinstance(one, PassDetector)], recipe)
        except REASONS_TO_LEAVE_OUT as error:
            return error
        return None

    def _run_pass(self, detectors: Sequence[PassDetector], recipe: Recipe) -> None:
        batch = recipe.batch(self.model)
        check_context(self.model, batch)
        together = [one for one in detectors if self._passes_check(one, batch)]
        missing = [one for one in together if not self._is_finished(one, batch.description, batch.settings, batch.seed)]
        if not missing:
            return
        began = time.perf_counter()
        measured = measure(self.model, missing, batch, progress=self.bars)
        seconds = time.perf_counter() - began
        for one in missing:
            inputs = (batch.description, batch.settings, batch.seed)
            self._add(make_record(self.model, one, measured[one.name], *inputs, seconds))

    def _passes_check(self, detector: PassDetector, batch: TokenBatch) -> bool:
        try:
            detector.check(batch)
        except REASONS_TO_LEAVE_OUT as error:
            self.fail(detector, error)
            return False
        return True

    def _run_weights(self, detectors: Sequence[WeightDetector]) -> None:
        for detector in detectors:
            if detector.name not in self.found and not self._is_finished(detector, detector.inputs, {}, self.seed):
                began = time.perf_counter()
                samples = measure_weights(self.model, detector, self.seed)
                seconds = time.perf_counter() - began
                self._add(make_record(self.model, detector, samples, detector.inputs, {}, self.seed, seconds))

    def _is_finished(
        self, detector: Detector, inputs: str, settings: Mapping[str, int | float | str | bool | None], seed: int
    ) -> bool:
        """Whether an earlier run answers the question; it is then taken."""
        question = Question(self.model, detector.name, inputs, settings, seed)
        run = None if self.keep is None else self.keep.find(question)
        if run is not None:
            self.found[detector.name] = run
        return run is not None

    def _add(self, run: ProbeRun) -> None:
        self.found[run.probe] = run
        if self.keep is not None:
            self.keep.add(run)


def check_context(model: ProbedModel, batch: TokenBatch) -> None:
    """Refuse an input that is longer than the model was made for.

    Args:
        model: The model.
        batch: The input.

    Raises:
        BadInputError: it is longer.
    """
    n_ctx, length = model.shape.n_ctx, batch.tokens.shape[1]
    if n_ctx is not None and length > n_ctx:
        raise BadInputError(f"the input has {length} positions, {model.record.name} is made for {n_ctx}; shorten it")


def make_record(
    model: ProbedModel,
    detector: Detector,
    samples: Samples,
    inputs: str,
    settings: Mapping[str, int | float | str | bool | None],
    seed: int,
    seconds: float,
) -> ProbeRun:
    """The record of one detector on one model.

    Args:
        model: The model.
        detector: The detector.
        samples: What it measured.
        inputs: What the model read, in words.
        settings: Every setting of the inputs.
        seed: Seed of the inputs and of the null.
        seconds: Wall time of the measurement in seconds.

    Returns:
        The record, with means, standard errors and q-values over all heads.
    """
    mean, error = mean_and_standard_error(samples.scores)
    null_mean, null_error = mean_and_standard_error(samples.null_scores)
    q = q_values(samples.scores, samples.null_scores)
    return ProbeRun(
        probe=detector.name,
        head_type=detector.head_type,
        family=detector.family,
        model=model.record,
        inputs=inputs,
        settings=dict(settings),
        seed=seed,
        n_samples=len(samples.scores),
        unit=detector.unit,
        threshold=detector.threshold,
        false_discovery_rate=FALSE_DISCOVERY_RATE,
        scores=_matrix(mean, q),
        standard_errors=_matrix(error, q),
        null_scores=_matrix(null_mean, q),
        null_standard_errors=_matrix(null_error, q),
        q_values=[[None if math.isnan(value) else float(f"{value:.3g}") for value in row] for row in q.tolist()],
        notes=dict(samples.notes),
        provenance=provenance(
            f"detectors.{detector.name}",
            seconds=seconds,
            device=str(model.device),
            dtype=str(model.dtype).removeprefix("torch."),
            attention=model.attention,
        ),
    )


def _matrix(values: LayerHead, q: LayerHead) -> Matrix:
    """Rounded numbers; heads without a q-value have no score."""
    return [
        [None if math.isnan(beside) else round(value, DECIMALS) for value, beside in zip(row, besides, strict=True)]
        for row, besides in zip(values.tolist(), q.tolist(), strict=True)
    ]
