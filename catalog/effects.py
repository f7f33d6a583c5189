"""The record of an ablation: what happens to a metric of a model when the heads of a type are removed."""

from __future__ import annotations

from pathlib import Path
from statistics import NormalDist, fmean, stdev
from typing import Literal, Self

from pydantic import Field, FiniteFloat, model_validator

from catalog.files import write_text
from catalog.ids import Head, HeadName, HeadTypeId
from catalog.models import Record, Text
from catalog.record_files import read_records
from catalog.runs import MeasuredModel, Provenance

CONFIDENCE = 0.95


class Interval(Record):
    """Range in which a number lies with 95 % confidence."""

    low: FiniteFloat
    high: FiniteFloat


class EffectRun(Record):
    """A metric of one model with the heads of a type ablated, and with as many random heads ablated."""

    format: Literal[1] = Field(default=1, description="Version of this file format.")
    effect: HeadTypeId = Field(description="Name of the effect: what is measured.")
    head_type: HeadTypeId = Field(description="Type whose heads are ablated.")
    model: MeasuredModel = Field(description="The model that was measured.")
    metric: Text = Field(description="The metric in words.")
    unit: Text = Field(description="Unit of the metric.")
    ablation: Literal["zero", "mean"] = Field(description="What replaces the output of an ablated head.")
    chosen_by: HeadTypeId = Field(description="Detector whose run named the heads.")
    heads: list[Head] = Field(min_length=1, description="The ablated heads, strongest first.")
    inputs: Text = Field(description="What the model read, in words.")
    settings: dict[str, int | float | str | bool | None] = Field(description="Every setting of the inputs.")
    seed: int = Field(description="Seed of the inputs and of the random heads.")
    baseline: list[FiniteFloat] = Field(min_length=2, description="Metric of the untouched model, by sample.")
    ablated: list[FiniteFloat] = Field(min_length=2, description="Metric without the heads, by sample.")
    random: list[list[FiniteFloat]] = Field(
        min_length=2, description="Metric without random heads, by draw of as many heads, then by sample."
    )
    provenance: Provenance = Field(description="How the run came about.")

    @model_validator(mode="after")
    def _samples_fit(self) -> Self:
        counts = sorted({len(samples) for samples in (self.baseline, self.ablated, *self.random)})
        if len(counts) != 1:
            raise ValueError(f"baseline, ablated and random hold {counts} samples; all need the same")
        return self

    @model_validator(mode="after")
    def _heads_are_of_the_model(self) -> Self:
        for name in map(HeadName.parse, self.heads):
            if name.layer >= self.model.n_layers or name.head >= self.model.n_heads:
                raise ValueError(f"{self.model.slug} has no head {name}")
        return self

    @property
    def control(self) -> float:
        """Mean of the metric without random heads."""
        return fmean(fmean(samples) for samples in self.random)

    @property
    def change(self) -> float:
        """Metric without the heads, less the metric without as many random heads."""
        return fmean(self._differences)

    @property
    def interval(self) -> Interval:
        """Where the change lies with 95 % confidence; both the samples and the draws of random heads vary."""
        by_draw = [fmean(samples) for samples in self.random]
        error = (_squared_error(self._differences) + _squared_error(by_draw)) ** 0.5
        reach = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * error
        return Interval(low=self.change - reach, high=self.change + reach)

    @property
    def _differences(self) -> list[float]:
        """By sample, the metric without the heads less its mean over the draws."""
        means = [fmean(draws) for draws in zip(*self.random, strict=True)]
        return [without - beside for without, beside in zip(self.ablated, means, strict=True)]


def _squared_error(values: list[float]) -> float:
    return stdev(values) ** 2 / len(values)


def effect_path(folder: Path, run: EffectRun) -> Path:
    """File of an effect run below the folder of all effect runs."""
    return folder / run.model.slug / f"{run.effect}--{run.head_type}.json"


def write_effect(folder: Path, run: EffectRun) -> Path:
    """Write an effect run to its file.

    Args:
        folder: Folder of all effect runs, such as data/effects.
        run: The run.

    Returns:
        The file.

    Raises:
        OSError: the folder cannot be written; a file that was there is untouched.
    """
    path = effect_path(folder, run)
    write_text(path, run.model_dump_json(indent=2, exclude_none=True) + "\n")
    return path


def read_effects(folder: Path) -> list[EffectRun]:
    """Read every effect run below a folder, in order of path; raises like `catalog.record_files.read_records`."""
    return read_records(folder, EffectRun, effect_path)
