"""One request in, one ProbeRun for each detector out; Python and the command line both come through here."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from probes import detectors as registry
from probes.adapters.base import ProbedModel
from probes.detectors.base import Detector, PassDetector
from probes.errors import BadInputError
from probes.finished import FinishedRuns
from probes.recipes.base import Recipe
from probes.recipes.own_input import OwnInput
from probes.scores import HeadScores, Results
from probes.session import Session
from probes.standard import HALF_LENGTH, N_SAMPLES, SEED

N_NAMED = 3
"""Detectors of a group that the progress bar names."""

ALL = "all"
"""Stands for all detectors."""


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
    keep: FinishedRuns | None = None,
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
        keep: Where runs are written as they finish, and taken from if they answer the same question; left out, nothing
            is written, and the results have a method `save`.
        progress: Show progress bars on standard error, with the time left.

    Returns:
        Scores by name of the detector.

    Raises:
        UnknownDetectorError: there is no such detector.
        InputTooShortError: the input is too short for a detector.
        BadInputError: the input cannot be used, or a detector that was named does not fit the model or the input.
        UnsupportedModelError: the attention of a layer cannot be read, or the weights of a head.
        NotEnoughMemoryError: not even one sample fits into memory.
        RunNotSavedError: a run cannot be written where `keep` says.
    """
    own = OwnInput(tokens, texts, length, seed) if (tokens, texts, length) != (None, None, None) else None
    settings = {"half_length": half_length, "n_samples": n_samples, "seed": seed}
    wanted = _wanted(detectors)
    with _bars(is_shown=progress) as bars:
        session = Session(model, seed, is_strict=not _is_all(detectors), keep=keep, bars=bars)
        recipes = _recipes(session, wanted, own, settings)
        overall = bars.add_task("All detectors", total=len(recipes))
        for recipe in dict.fromkeys(recipes.values()):
            together = [detector for detector, its in recipes.items() if its == recipe]
            for some in [together] if recipe else [[one] for one in together]:
                bars.update(overall, description=", ".join(one.name for one in some[:N_NAMED]))
                session.run_group(some, recipe)
                bars.advance(overall, len(some))
    if not session.found:
        raise next(iter(session.failures.values()))
    scores = {one.name: HeadScores(session.found[one.name]) for one in wanted if one.name in session.found}
    return Results(scores, {name: str(error) for name, error in session.failures.items()})


def _bars(*, is_shown: bool) -> Progress:
    """Progress on standard error with the time left: one bar for all detectors, one for the pass under way."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True, disable=not is_shown)


def _recipes(
    session: Session, detectors: Sequence[Detector], own: OwnInput | None, settings: Mapping[str, int]
) -> dict[Detector, Recipe | None]:
    """What each detector reads; those that do not fit the model or the input are noted in the session."""
    recipes = {}
    for detector in detectors:
        try:
            recipes[detector] = _recipe(session.model, detector, own, settings)
        except BadInputError as error:
            session.fail(detector, error)
    return recipes


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


def _is_all(names: Sequence[str] | str | None) -> bool:
    return names is None or names == ALL or list(names) == [ALL]


def _wanted(names: Sequence[str] | str | None) -> list[Detector]:
    if names is None or _is_all(names):
        return [registry.load(name) for name in registry.names()]
    chosen = [names] if isinstance(names, str) else list(dict.fromkeys(names))
    if not chosen:
        raise BadInputError("no detector is named; leave detectors out to run all of them")
    return [registry.load(name) for name in chosen]
