"""A page for every experiment with its records under one set of settings after the other, and the list of them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from catalog.claims import Check
from catalog.experiments import ExperimentRun, Setting, Table
from catalog.models import ExperimentClaim
from catalog.pictures.experiment_figures import draw
from catalog.pictures.picture import Picture
from catalog.settings import differing_settings
from catalog.site_pages._book import Book

MOST_ROWS = 60
"""Rows of a table that a page shows; the record holds them all."""


@dataclass(frozen=True)
class _Part:
    """What a page says of one record; what an earlier record of the page says in the same words is left out."""

    run: ExperimentRun
    label: str
    """The settings that tell it from the other records of the page, in words; its seeds if nothing else does."""
    choices: list[str]
    pictures: list[Picture]
    tables: Mapping[str, Table]
    """Those that no picture shows."""
    command: str


def pages(book: Book) -> Iterator[tuple[str, str]]:
    """The list and every experiment that is recorded; see `catalog.site_pages`."""
    found = {name: _standard_first(runs) for name, runs in book.experiments.items()}
    checks = {name: _checks_on(book, name) for name in found}
    yield "experiments/index.md", book.fill("experiments", {"experiments": found, "checks": checks})
    for name, runs in found.items():
        parts = list(_parts(runs))
        about = {
            "parts": parts,
            "labels": {part.run.key: part.label for part in parts},
            "checks": checks[name],
            "most_rows": MOST_ROWS,
        }
        yield f"experiments/{name}.md", book.fill("experiment", about)


def _standard_first(runs: Iterable[ExperimentRun]) -> list[ExperimentRun]:
    """The records of an experiment: that with most seeds, then most bars, then most metrics in front."""
    return sorted(
        runs,
        key=lambda run: (-len(run.seeds), -len(run.bars), -len(run.metrics), *map(_in_order, run.settings.values())),
    )


def _in_order(value: Setting) -> tuple[float, str]:
    """Numbers by size, then words."""
    return (value, "") if isinstance(value, int | float) else (float("inf"), str(value))


def _checks_on(book: Book, name: str) -> list[list[Check]]:
    """Lines of the ledger on each claim that an experiment bears on."""
    return [
        checks
        for checks in book.checks_by_claim.values()
        if isinstance(checks[0].claim, ExperimentClaim) and checks[0].claim.experiment == name
    ]


def _parts(runs: Sequence[ExperimentRun]) -> Iterator[_Part]:
    said: set[str] = set()
    drawn: set[str] = set()
    for run in runs:
        pictures = [draw(run, name) for name in run.figures]
        sources = {figure.source for figure in run.figures.values() if figure.kind != "curves"}
        yield _Part(
            run,
            differing_settings(run, runs) or f"seeds {', '.join(map(str, run.seeds))}",
            [choice for choice in run.choices if choice not in said],
            [picture for picture in pictures if picture.svg not in drawn],
            {name: table for name, table in run.tables.items() if name not in sources},
            _command(run),
        )
        said |= set(run.choices)
        drawn |= {picture.svg for picture in pictures}


def _command(run: ExperimentRun) -> str:
    """The command that repeats a record, with every setting in full."""
    is_counted = run.seeds == list(range(len(run.seeds)))
    seeds = str(len(run.seeds)) if is_counted else ",".join([*map(str, run.seeds), *[""] * (len(run.seeds) == 1)])
    chosen = [
        f"--set {shlex.quote(f'{name}={_written(value)}')}" for name, value in run.settings.items() if value is not None
    ]
    return " ".join([f"headatlas experiment run {run.experiment} --seeds {seeds}", *chosen])


def _written(value: Setting) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
