"""The form "Request a probe": the request is checked, and nothing is written."""

from __future__ import annotations

import re

import yaml

from catalog.submissions.outcomes import Outcome
from catalog.submissions.reading import Reader


def request_probe(reader: Reader) -> Outcome:
    """Request with the names that the catalogue knows, and what exists already.

    Args:
        reader: The answers.

    Returns:
        The request.

    Raises:
        SubmissionError: with every problem by field label.
    """
    head_type, model = reader.head_type("head_type"), reader.text("model") or ""
    papers = [reader.find_paper("papers", name) for name in reader.items("papers", at_commas=True)]
    if model and not re.fullmatch(r"[\w.-]+(?:/[\w.-]+)?", model):
        reader.complain("model", f"'{model}' is no name of a model", reader.form.question("model").placeholder)
    reader.finish()
    if head_type is None:
        raise AssertionError("required answers are there once the reader has finished")
    request = {
        "head_type": head_type,
        "model": model,
        "why": reader.text("why"),
        "papers": [paper.id for paper in papers if paper],
    }
    entry = yaml.safe_dump(request, sort_keys=False, allow_unicode=True, width=100)
    notes = tuple(_what_exists(reader, head_type, model))
    return Outcome(f"Measure {head_type} on {model}", entry=entry, notes=notes)


def _what_exists(reader: Reader, head_type_id: str, model: str) -> list[str]:
    """Whether the head type can be measured today, and whether that was done on this model."""
    detectors = reader.registry.head_types[head_type_id].detectors
    if not detectors:
        return [f"No detector measures {head_type_id} yet; one has to be written first."]
    done = [
        f"Measured already: data/runs/{run.model.slug}."
        for run in reader.registry.runs_on(head_type_id)
        if model.casefold() in {str(name).casefold() for name in (run.model.slug, run.model.name, run.model.hub_id)}
    ]
    return [f"Measured by the detector {', '.join(detectors)}.", *done]
