"""Ablation: heads are replaced by their mean output, and a metric is taken with and without them.

The comparison is with as many random heads, drawn anew several times from all others: whatever happens when any heads
are missing is then taken off.
"""

import time
from collections.abc import Sequence

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from catalog.effects import EffectRun
from catalog.ids import HeadName
from catalog.models import EffectClaim, HeadType
from catalog.registry import Registry
from probes import effects
from probes.adapters.base import ProbedModel
from probes.attention import IMPLEMENTATION
from probes.effects.base import Effect
from probes.errors import BadInputError
from probes.forward import read
from probes.inputs import TokenBatch
from probes.interventions import replaced_heads
from probes.provenance import provenance
from probes.readouts.mean_output import MeanOutput
from probes.service import run
from probes.standard import N_SAMPLES, SEED

N_DRAWS = 8
"""Sets of random heads."""

DECIMALS = 6
"""Decimals of a recorded value."""


def ablate(
    model: ProbedModel,
    heads: Sequence[HeadName],
    effect: Effect,
    *,
    head_type: str,
    chosen_by: str,
    n_samples: int = N_SAMPLES,
    n_draws: int = N_DRAWS,
    seed: int = SEED,
    progress: bool = True,
) -> EffectRun:
    """What ablating heads does to a metric, beside ablating random heads.

    Args:
        model: From load_model.
        heads: The heads, strongest first.
        effect: The metric.
        head_type: Id of the head type that the heads are of.
        chosen_by: Detector that named them.
        n_samples: Samples that the effect's recipe makes; no more than it has.
        n_draws: Sets of random heads.
        seed: Seed of the inputs and of the random heads.
        progress: Show a progress bar on standard error.

    Returns:
        The record.

    Raises:
        BadInputError: no head is named, or fewer than as many others are left.
        UnsupportedModelError: the heads of this model cannot be replaced.
    """
    batch = effect.recipe.configured(n_samples=n_samples, seed=seed).batch(model)
    others = _others(model, heads)
    means = _mean_outputs(model, batch)
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(len(others), generator=generator)[: len(heads)].tolist() for _ in range(n_draws)]
    drawn = [[others[place] for place in order] for order in orders]
    began = time.perf_counter()
    console = Console(stderr=True)
    bar = track([[], heads, *drawn], f"Ablating, {effect.name}", console=console, disable=not progress, transient=True)
    baseline, ablated, *random = [_values(model, batch, effect, chosen, means) for chosen in bar]
    return EffectRun(
        effect=effect.name,
        head_type=head_type,
        model=model.record,
        metric=effect.metric,
        unit=effect.unit,
        ablation="mean",
        chosen_by=chosen_by,
        heads=[str(head) for head in heads],
        inputs=batch.description,
        settings=dict(batch.settings),
        seed=seed,
        baseline=baseline,
        ablated=ablated,
        random=random,
        provenance=provenance(
            f"effects.{effect.name}",
            seconds=time.perf_counter() - began,
            device=str(model.device),
            dtype=str(model.dtype).removeprefix("torch."),
            attention=IMPLEMENTATION,
        ),
    )


def claimed_effects(registry: Registry) -> list[tuple[str, str]]:
    """Head types and the effects that papers claim of ablating their heads, as far as an effect measures them.

    Args:
        registry: The papers.

    Returns:
        Head type and effect, in alphabetical order.
    """
    claims = (claim for paper in registry.papers.values() for claim in paper.claims)
    found = {(claim.head_type, claim.effect) for claim in claims if isinstance(claim, EffectClaim) and claim.effect}
    return sorted(found)


def ablate_type(model: ProbedModel, head_type: HeadType, effect: str, *, progress: bool = True) -> EffectRun | None:
    """Ablate the heads that the first detector of a head type calls.

    Args:
        model: From load_model.
        head_type: The head type; it must have a detector.
        effect: Name of the effect.
        progress: Show progress bars on standard error.

    Returns:
        The record, or None if the detector calls no head of this model.

    Raises:
        UnknownEffectError: there is no such effect.
        ProbeError: the model cannot be measured or its heads cannot be replaced.
    """
    chosen_by = head_type.detectors[0]
    called = run(model, chosen_by, progress=progress)[chosen_by].run.called()
    if not called:
        return None
    return ablate(model, called, effects.load(effect), head_type=head_type.id, chosen_by=chosen_by, progress=progress)


def _others(model: ProbedModel, heads: Sequence[HeadName]) -> list[HeadName]:
    every = [HeadName(layer, head) for layer in model.shape.attention_layers for head in range(model.shape.n_heads)]
    others = [name for name in every if name not in set(heads)]
    if not heads or len(others) < len(heads):
        raise BadInputError(f"{len(heads)} heads to ablate and {len(others)} others; nothing can be compared")
    return others


def _mean_outputs(model: ProbedModel, batch: TokenBatch) -> Tensor:
    """Mean z of every head over the input, shape (layer, head, d_value)."""
    (means,) = read(model, batch, [MeanOutput(batch.is_real)])
    return means.mean(0)


def _values(
    model: ProbedModel, batch: TokenBatch, effect: Effect, heads: Sequence[HeadName], means: Tensor
) -> list[float]:
    with replaced_heads(model, {name: means[name.layer, name.head] for name in heads}):
        return [round(value, DECIMALS) for value in effect.values(model, batch).tolist()]
