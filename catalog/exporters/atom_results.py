"""Atom feed of new results: a measurement that is repeated is news again, under an id of its own."""

from __future__ import annotations

from datetime import UTC

from catalog.exporters._atom import Entry, feed
from catalog.exporters.base import Exporter
from catalog.registry import Registry
from catalog.runs import ProbeRun

_PATH = "downloads/results.atom.xml"


def export(registry: Registry) -> str:
    """The feed of all runs.

    Args:
        registry: What to export.

    Returns:
        XML.
    """
    entries = (_entry(run, _name_of(registry, run)) for run in registry.runs)
    return feed("results", "HeadAtlas: new results on attention heads", _PATH, entries)


def _name_of(registry: Registry, run: ProbeRun) -> str:
    head_type = registry.head_types.get(run.head_type)
    return head_type.name if head_type else run.head_type


def _entry(run: ProbeRun, head_type: str) -> Entry:
    n_called, n_heads = len(run.called()), run.model.n_layers * run.model.n_heads
    strongest = run.ranked()[0]
    return Entry(
        name=f"runs/{run.model.slug}/{run.probe}/{run.provenance.created.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        title=f"{head_type} in {run.model.name}: {n_called} of {n_heads} heads called",
        summary=(
            f"The strongest is {strongest} with a score of {run.scores[strongest.layer][strongest.head]:.3f}; "
            f"a head is called from {run.threshold:g}. Measured on {run.n_samples} samples: {run.inputs}."
        ),
        updated=run.provenance.created,
        page=f"models/{run.model.slug}.html#probe-{run.probe}",
        categories=[run.head_type],
    )


EXPORTER = Exporter("Feed of new results (Atom)", _PATH, "application/atom+xml", export)
