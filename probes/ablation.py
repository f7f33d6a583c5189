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
from probes.adapters.base import ProbedModel
from probes.effects.base import Effect
from probes.errors import BadInputError
from probes.forward import read
from probes.inputs import TokenBatch
from probes.interventions import replaced_heads
from probes.provenance import provenance
from probes.readouts.mean_output import MeanOutput
from probes.standard import SEED

N_SAMPLES = 12
"""Samples; every set of heads reads all of them."""

N_DRAWS = 5
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
            "ablation",
            f"effects.{effect.name}",
            seconds=time.perf_counter() - began,
            device=str(model.device),
            dtype=str(model.dtype).removeprefix("torch."),
            attention=model.attention,
        ),
    )


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
