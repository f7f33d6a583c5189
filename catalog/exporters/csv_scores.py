"""CSV of scores, a row for each head of each model under each detector: what was recorded, rank and percentile."""

from __future__ import annotations

from collections.abc import Callable

from catalog.exporters import _csv
from catalog.exporters.base import Exporter
from catalog.portraits import Standing, standings
from catalog.registry import Registry
from catalog.runs import at


def export(registry: Registry) -> str:
    """One CSV file with a row for every score.

    Args:
        registry: What to export.

    Returns:
        The text of the file, with the line ends of RFC 4180.
    """
    rows = ([value(one) for value in COLUMNS.values()] for run in registry.runs for one in standings(run))
    return _csv.table(COLUMNS, rows)


COLUMNS: dict[str, Callable[[Standing], object]] = {
    "model": lambda one: one.run.model.slug,
    "head": lambda one: str(one.name),
    "layer": lambda one: one.name.layer,
    "index": lambda one: one.name.head,
    "detector": lambda one: one.run.probe,
    "head_type": lambda one: one.run.head_type,
    "unit": lambda one: one.run.unit,
    "score": lambda one: one.score,
    "standard_error": lambda one: at(one.run.standard_errors, one.name),
    "null": lambda one: at(one.run.null_scores, one.name),
    "null_standard_error": lambda one: at(one.run.null_standard_errors, one.name),
    "q_value": lambda one: at(one.run.q_values, one.name),
    "rank": lambda one: one.rank,
    "percentile": lambda one: round(one.percentile, 2),
    "called": lambda one: "yes" if one.is_called else "no",
}
"""Every column, in order, and how a head fills it."""

EXPORTER = Exporter(
    "Table of all scores, a row for each head and detector (CSV)", "downloads/scores.csv", "text/csv", export
)
