"""The measurement: several detectors on the same inputs, in as few forward passes as one of them takes."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from rich.progress import Progress

from probes.adapters.base import ProbedModel
from probes.detectors.base import PassDetector, Samples, WeightDetector
from probes.forward import read
from probes.inputs import TokenBatch
from probes.shapes import SampleScores


def measure(
    model: ProbedModel, detectors: Sequence[PassDetector], batch: TokenBatch, *, progress: Progress | bool = False
) -> dict[str, Samples]:
    """Scores of every head on every sample.

    Args:
        model: The model.
        detectors: What to measure.
        batch: What the model reads.
        progress: Show a progress bar on standard error, among those of a display or on its own.

    Returns:
        Samples by name of the detector.

    Raises:
        UnsupportedModelError: the attention of a layer cannot be read.
    """
    wanted = {detector.name: detector.read_outs(batch) for detector in detectors}
    read_outs = [read_out for named in wanted.values() for read_out in named.values()]
    readings = iter(read(model, batch, read_outs, progress=progress))
    by_detector = {name: {own: next(readings) for own in named} for name, named in wanted.items()}
    return {
        detector.name: _present(model, detector.samples(by_detector[detector.name], batch, model))
        for detector in detectors
    }


def measure_weights(model: ProbedModel, detector: WeightDetector, seed: int) -> Samples:
    """Scores of every head under a detector that reads weights.

    Args:
        model: The model.
        detector: What to measure.
        seed: Seed of the null.

    Returns:
        The samples.

    Raises:
        UnsupportedModelError: the weights of this architecture cannot be told apart by head.
    """
    with torch.no_grad():
        return _present(model, detector.samples(model, seed))


def _present(model: ProbedModel, samples: Samples) -> Samples:
    """Heads of layers without softmax attention have no score, whatever the detector made of them."""
    return replace(
        samples, scores=_of_layers(model, samples.scores), null_scores=_of_layers(model, samples.null_scores)
    )


def _of_layers(model: ProbedModel, scores: SampleScores) -> SampleScores:
    has_attention = torch.zeros(model.shape.n_layers, dtype=torch.bool)
    has_attention[list(model.shape.attention_layers)] = True
    return torch.where(has_attention[None, :, None], scores, torch.nan)
