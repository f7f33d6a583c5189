"""One request in, one ProbeRun for each detector out; Python and the command line both come through here."""

import math
import time
from collections.abc import Mapping, Sequence

from torch import Tensor

from catalog.runs import Matrix, ProbeRun
from probes import detectors as registry
from probes.adapters.base import ProbedModel
from probes.attention import IMPLEMENTATION
from probes.detectors.base import Detector, PassDetector, Samples, WeightDetector
from probes.errors import BadInputError, InputTooShortError, ProbeError, SelfCheckError, UnsupportedModelError
from probes.inputs import TokenBatch
from probes.measure import measure, measure_weights
from probes.provenance import provenance
from probes.recipes.base import Recipe
from probes.recipes.own_input import OwnInput
from probes.scores import HeadScores, Results
from probes.shapes import LayerHead
from probes.standard import HALF_LENGTH, N_SAMPLES, SEED
from probes.statistics import FALSE_DISCOVERY_RATE, mean_and_standard_error, q_values

DECIMALS = 6
"""Decimals of a recorded score."""

ALL = "all"
"""Stands for all detectors."""

REASONS_TO_LEAVE_OUT = (BadInputError, InputTooShortError, SelfCheckError, UnsupportedModelError)
"""Errors for which a detector is left out where all are asked for, and the others go on."""


def run(
    model: ProbedModel,
    detectors: Sequence[str] | str | None = None,
    *,
    tokens: Tensor | Sequence[Sequence[int]] | None = None,
    texts: Sequence[str] | None = None,
    length: int | None = None,
    half_length: int = HALF_LENGTH,
    n_samples: int = N_SAMPLES,
    seed: int = SEED,
    progress: bool = True,
) -> Results:
    """Measure every head of a model with one or more detectors; those with the same inputs share their passes.

    Args:
        model: From load_model.
        detectors: Names of detectors; left out or "all", all that can be run, and `left_out` of the results says why
            the others cannot.
        tokens: Token ids to read, shape (batch, pos); left out, each detector reads what its recipe says.
        texts: Texts to read, one a sample; in place of tokens.
        length: Tokens to keep of each text; left out, as many as the shortest has.
        half_length: Length of the random sequence that is repeated, in tokens.
        n_samples: Number of samples that a recipe makes.
        seed: Seed of the inputs and of the null.
        progress: Show a progress bar on standard error.

    Returns:
        Scores by name of the detector.

    Raises:
        UnknownDetectorError: there is no such detector.
        InputTooShortError: the input is too short for a detector.
        BadInputError: the input cannot be used, or a detector that was named does not fit the model or the input.
        UnsupportedModelError: the attention of a layer cannot be read, or the weights of a head.
    """
    own = OwnInput(tokens, texts, length, seed) if (tokens, texts, length) != (None, None, None) else None
    settings = {"half_length": half_length, "n_samples": n_samples, "seed": seed}
    wanted = _wanted(detectors)
    failures: dict[str, ProbeError] = {}
    recipes: dict[Detector, Recipe | None] = {}
    for detector in wanted:
        try:
            recipes[detector] = _recipe(model, detector, own, settings)
        except BadInputError as error:
            failures[detector.name] = error
    found: dict[str, ProbeRun] = {}
    for recipe in dict.fromkeys(recipes.values()):
        together = [detector for detector, its in recipes.items() if its == recipe]
        found |= _run_what_can_be_run(model, together, recipe, seed, progress, failures)
    if failures and (detectors not in (None, ALL) or not found):
        raise next(iter(failures.values()))
    scores = {detector.name: HeadScores(found[detector.name]) for detector in wanted if detector.name in found}
    return Results(scores, {name: str(error) for name, error in failures.items()})


def _recipe(model: ProbedModel, detector: Detector, own: OwnInput | None, settings: Mapping[str, int]) -> Recipe | None:
    """What a detector reads; None if it reads weights. Refuses a detector that does not fit the model or the input."""
    if not isinstance(detector, PassDetector):
        return None
    if not (model.shape.is_causal or detector.for_encoders):
        raise BadInputError(
            f"detector '{detector.name}' only makes sense for decoders, {model.record.name} attends to later tokens too"
        )
    recipe = detector.recipe.configured(**settings)
    chosen = recipe if own is None else recipe.on(own)
    if chosen is None:
        raise BadInputError(f"detector '{detector.name}' reads prompts of its own; leave tokens and texts out")
    return chosen


def _run_what_can_be_run(
    model: ProbedModel,
    detectors: Sequence[Detector],
    recipe: Recipe | None,
    seed: int,
    progress: bool,
    failures: dict[str, ProbeError],
) -> dict[str, ProbeRun]:
    """Runs of detectors with one recipe; if together they fail, one by one, and the failures are noted."""
    try:
        return _run_pass(model, detectors, recipe, progress) if recipe else _run_weights(model, detectors, seed)
    except REASONS_TO_LEAVE_OUT as error:
        if len(detectors) == 1:
            failures[detectors[0].name] = error
            return {}
    alone = [_run_what_can_be_run(model, [one], recipe, seed, progress, failures) for one in detectors]
    return {name: run for runs in alone for name, run in runs.items()}


def _run_pass(model: ProbedModel, detectors: Sequence[Detector], recipe: Recipe, progress: bool) -> dict[str, ProbeRun]:
    """Runs of detectors that read the same."""
    together = [detector for detector in detectors if isinstance(detector, PassDetector)]
    batch = recipe.batch(model)
    _check_context(model, batch)
    for detector in together:
        detector.check(batch)
    began = time.perf_counter()
    measured = measure(model, together, batch, progress=progress)
    seconds = time.perf_counter() - began
    return {
        detector.name: _record(
            model, detector, measured[detector.name], batch.description, batch.settings, batch.seed, seconds
        )
        for detector in together
    }


def _run_weights(model: ProbedModel, detectors: Sequence[Detector], seed: int) -> dict[str, ProbeRun]:
    """Runs of detectors that read weights."""
    runs = {}
    for detector in detectors:
        if isinstance(detector, WeightDetector):
            began = time.perf_counter()
            samples = measure_weights(model, detector, seed)
            seconds = time.perf_counter() - began
            runs[detector.name] = _record(model, detector, samples, detector.inputs, {}, seed, seconds)
    return runs


def _check_context(model: ProbedModel, batch: TokenBatch) -> None:
    n_ctx, length = model.shape.n_ctx, batch.tokens.shape[1]
    if n_ctx is not None and length > n_ctx:
        raise BadInputError(f"the input has {length} positions, {model.record.name} is made for {n_ctx}; shorten it")


def _wanted(names: Sequence[str] | str | None) -> list[Detector]:
    if names is None or names == ALL:
        return [registry.load(name) for name in registry.names()]
    chosen = [names] if isinstance(names, str) else list(dict.fromkeys(names))
    if not chosen:
        raise BadInputError("no detector is named; leave detectors out to run all of them")
    return [registry.load(name) for name in chosen]


def _record(
    model: ProbedModel,
    detector: Detector,
    samples: Samples,
    inputs: str,
    settings: Mapping[str, int | float | str | bool | None],
    seed: int,
    seconds: float,
) -> ProbeRun:
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
            attention=IMPLEMENTATION,
        ),
    )


def _matrix(values: LayerHead, q: LayerHead) -> Matrix:
    """Rounded numbers; heads without a q-value have no score."""
    return [
        [None if math.isnan(beside) else round(value, DECIMALS) for value, beside in zip(row, besides, strict=True)]
        for row, besides in zip(values.tolist(), q.tolist(), strict=True)
    ]
