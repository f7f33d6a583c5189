"""The record of an experiment: what came out of training small transformers, over several seeds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, FiniteFloat, StringConstraints, model_validator

from catalog.files import write_text
from catalog.ids import PaperId
from catalog.models import Record, Text
from catalog.record_files import read_record, read_records
from catalog.runs import SAME_NUMBER, Provenance

FORMAT: Final = 1

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Setting = int | float | str | bool | None
Cell = int | FiniteFloat | str | None


class Metric(Record):
    """One number that came out, with what it is over the seeds."""

    description: Text = Field(description="What is measured, in words.")
    unit: Text | None = Field(default=None, description="Unit, where there is one.")
    mean: FiniteFloat = Field(description="Mean over the seeds, or one number that all seeds give together.")
    spread: FiniteFloat | None = Field(default=None, description="Standard deviation over the seeds, from two on.")
    by_seed: list[FiniteFloat] = Field(default=[], description="By seed; empty where all seeds give one number.")

    @classmethod
    def over_seeds(cls, description: str, values: Sequence[float], unit: str | None = None) -> Self:
        """Metric of which every seed gives a number.

        Args:
            description: What is measured.
            values: One a seed.
            unit: Its unit.

        Returns:
            The metric.
        """
        spread = stdev(values) if len(values) > 1 else None
        return cls(description=description, unit=unit, mean=fmean(values), spread=spread, by_seed=list(values))

    @model_validator(mode="after")
    def _mean_is_that_of_the_seeds(self) -> Self:
        if self.by_seed and abs(fmean(self.by_seed) - self.mean) > SAME_NUMBER * max(1, abs(self.mean)):
            raise ValueError(f"the mean is said to be {self.mean}, that of by_seed is {fmean(self.by_seed)}")
        return self


class Curve(Record):
    """One line of a series."""

    name: Text = Field(description="What the line is about, such as a head.")
    seed: int | None = Field(default=None, description="Seed; left out where all seeds give one line.")
    x: list[FiniteFloat] = Field(min_length=1, description="From left to right.")
    y: list[FiniteFloat | None] = Field(description="One number for each of x; null where there is none.")

    @model_validator(mode="after")
    def _axes_fit(self) -> Self:
        if len(self.x) != len(self.y):
            raise ValueError(f"{len(self.y)} numbers for {len(self.x)} places")
        return self


class Series(Record):
    """Lines that belong into one picture."""

    description: Text = Field(description="What the lines show.")
    x_name: Text = Field(description="Name of the axis from left to right.")
    y_name: Text = Field(description="Name of the axis from bottom to top.")
    curves: list[Curve] = Field(min_length=1, description="The lines.")


class Table(Record):
    """Rows of numbers and words."""

    description: Text = Field(description="What the table shows.")
    columns: list[Text] = Field(min_length=1, description="Head of every column.")
    rows: list[list[Cell]] = Field(description="The rows; null where there is nothing.")

    @model_validator(mode="after")
    def _rows_fit(self) -> Self:
        for number, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ValueError(f"row {number} has {len(row)} cells for {len(self.columns)} columns")
        return self

    def column(self, name: str) -> list[Cell]:
        """Cells of one column.

        Args:
            name: Its head.

        Returns:
            One cell a row.

        Raises:
            ValueError: there is no such column.
        """
        place = self.columns.index(name)
        return [row[place] for row in self.rows]


class Figure(Record):
    """What is to be drawn, and out of what; the drawing itself is made by catalog.pictures.experiment_figures."""

    kind: Literal["curves", "grid", "scatter"] = Field(
        description="Lines of a series, a table as a map of colours, or two columns of a table against each other."
    )
    source: Name = Field(description="Name of the series or table.")
    title: Text = Field(description="Line above the picture.")
    caption: Text = Field(description="What the picture shows, in one sentence.")
    seed: int | None = Field(default=None, description="Only the curves of this seed; left out, of all.")
    columns: list[Text] = Field(
        default=[],
        description="Scatter: columns from left to right and from bottom to top. Grid: columns of row, column, value; "
        "a third column or more in front name the panels.",
    )


class Bar(Record):
    """What a metric should reach if the experiment is to count as a success; set before it was run."""

    statement: Text = Field(description="The bar in one sentence.")
    metric: Name = Field(description="Metric that it is about.")
    at_least: FiniteFloat | None = Field(default=None, description="Smallest value that holds.")
    at_most: FiniteFloat | None = Field(default=None, description="Largest value that holds.")
    in_seeds: int | None = Field(default=None, description="How many seeds must hold; left out, the mean must.")
    remark: Text | None = Field(default=None, description="Why it was missed, where it was.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("neither at_least nor at_most: such a bar is never missed")
        return self

    def is_held_by(self, metric: Metric) -> bool:
        """Whether a metric reaches the bar.

        Args:
            metric: The metric that it is about.

        Returns:
            True if it does, in so many seeds or on the mean.
        """
        if self.in_seeds is None:
            return self.holds(metric.mean)
        return self.n_seeds_held(metric) >= self.in_seeds

    def n_seeds_held(self, metric: Metric) -> int:
        """In how many seeds a metric reaches the bar."""
        return sum(map(self.holds, metric.by_seed))

    def holds(self, value: float) -> bool:
        """Whether one value lies within the limits."""
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)


class ExperimentRun(Record):
    """What came out of an experiment under one set of settings."""

    format: Literal[1] = Field(default=FORMAT, description="Version of this file format.")
    experiment: Name = Field(description="Name of the experiment.")
    question: Text = Field(description="What it asks.")
    paper: PaperId | None = Field(default=None, description="Paper that it rebuilds, if it rebuilds one.")
    choices: list[Text] = Field(default=[], description="What the paper leaves open and we chose.")
    settings_version: int = Field(ge=1, description="Version of the settings of this experiment.")
    settings: dict[str, Setting] = Field(description="Every setting.")
    seeds: list[int] = Field(min_length=1, description="Seeds of first weights and data.")
    metrics: dict[Name, Metric] = Field(description="What was measured, by name.")
    series: dict[Name, Series] = Field(default={}, description="Curves, by name.")
    tables: dict[Name, Table] = Field(default={}, description="Tables, by name.")
    figures: dict[Name, Figure] = Field(default={}, description="Pictures that can be drawn of it, by name.")
    bars: list[Bar] = Field(default=[], description="What it should reach.")
    provenance: Provenance = Field(description="How the run came about.")

    @model_validator(mode="before")
    @classmethod
    def _is_of_this_format(cls, data: Any) -> Any:
        found = data.get("format", FORMAT) if isinstance(data, Mapping) else FORMAT
        if found != FORMAT:
            raise ValueError(f"a record of format {found}, where this version of headatlas reads format {FORMAT}")
        return data

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        for name, metric in self.metrics.items():
            if len(metric.by_seed) not in {0, len(self.seeds)}:
                raise ValueError(f"metric {name} has {len(metric.by_seed)} numbers for {len(self.seeds)} seeds")
        for name, figure in self.figures.items():
            if figure.source not in (self.series if figure.kind == "curves" else self.tables):
                raise ValueError(f"figure {name} is drawn of {figure.source}, which is not there")
        for bar in self.bars:
            if bar.metric not in self.metrics:
                raise ValueError(f"a bar is about the metric {bar.metric}, which is not there")
        return self

    @property
    def n_bars_held(self) -> int:
        """How many bars are reached."""
        return sum(bar.is_held_by(self.metrics[bar.metric]) for bar in self.bars)

    @property
    def key(self) -> str:
        """Name of its file."""
        return settings_key(self.experiment, self.settings_version, self.settings, self.seeds)

    def has(self, settings: Mapping[str, Setting]) -> bool:
        """Whether it was made with these settings, whatever the others are.

        Args:
            settings: Some settings; as the data files hold text only, words for a value will do, such as "3" and
                "true".

        Returns:
            True if all of them are the same.
        """
        return all(name in self.settings and _is(self.settings[name], value) for name, value in settings.items())


def _is(value: Setting, wanted: Setting) -> bool:
    """Whether a setting has a value, or the value that a word stands for."""
    return value == wanted or (not isinstance(value, str) and json.dumps(value) == wanted)


def settings_key(experiment: str, version: int, settings: Mapping[str, Setting], seeds: Sequence[int]) -> str:
    """Short hash of what decides an experiment.

    Args:
        experiment: Its name.
        version: Version of its settings.
        settings: Every setting.
        seeds: Its seeds.

    Returns:
        16 hexadecimal digits.
    """
    decisive = json.dumps([experiment, version, dict(settings), list(seeds)], sort_keys=True)
    return hashlib.sha256(decisive.encode()).hexdigest()[:16]


def experiment_path(folder: Path, run: ExperimentRun) -> Path:
    """File of an experiment's record below the folder of all of them."""
    return folder / run.experiment / f"{run.key}.json"


def write_experiment(folder: Path, run: ExperimentRun) -> Path:
    """Write a record to its file.

    Args:
        folder: Folder of all records, such as data/experiments.
        run: The record.

    Returns:
        The file.

    Raises:
        OSError: the folder cannot be written; a file that was there is untouched.
    """
    path = experiment_path(folder, run)
    write_text(path, _dump(run.model_dump(mode="json", exclude_none=False)) + "\n")
    return path


def _dump(value: Any, indent: str = "") -> str:
    """JSON whose innermost lists stand on one line, so that a changed row is a changed line."""
    inner = indent + "  "
    if isinstance(value, dict) and value:
        fields = ((name, _dump(part, inner)) for name, part in value.items() if part is not None)
        return "{\n" + ",\n".join(f"{inner}{json.dumps(name)}: {text}" for name, text in fields) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(part, dict | list) for part in value):
        return "[\n" + ",\n".join(inner + _dump(part, inner) for part in value) + f"\n{indent}]"
    return json.dumps(value, ensure_ascii=False)


def read_experiment(path: Path) -> ExperimentRun:
    """Read one record; raises like `catalog.record_files.read_record`."""
    return read_record(path, ExperimentRun)


def read_experiments(folder: Path) -> list[ExperimentRun]:
    """Read every record below a folder, in order of path; raises like `catalog.record_files.read_records`."""
    return read_records(folder, ExperimentRun, experiment_path)
