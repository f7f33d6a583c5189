"""Which fields of papers and claims the forms fill, and through which question."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from catalog.models import Claim, ExperimentClaim, Findings, Links, Paper, Record, Summary, Tags

FEW_WORDS = 3
"""Words that a sentence has at least."""

CLAIM_FORMS: dict[str, type[Record]] = {
    get_args(model.model_fields["form"].annotation)[0]: model
    for model in get_args(get_args(Claim)[0])
    if model is not ExperimentClaim
}
"""Model of each form of claim that can be reported; a claim on an experiment is written with the experiment."""

CLAIM_QUESTIONS = {
    ("heads", "unit"): "index_counts",
    ("share", "unit"): "index_counts",
    ("effect", "unit"): "change_unit",
}
"""Questions that carry another name than the field they fill, because two forms of claim share that name."""

NOT_ASKED = frozenset({"id", "form", "detectors", "effect"})
"""Fields of claims that nobody is asked for: made here, asked once for all forms, or known to the probes only."""

_NOT_CORRECTED = frozenset({"id", "added", "claims", "facts_from", "written_by", "reviewed_by"})


def _leaves(model: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    """Fields of a model and of the records in it, by dotted name."""
    parts: dict[str, type[BaseModel]] = {"links": Links, "tags": Tags, "summary": Summary, "findings": Findings}
    for name, about in model.model_fields.items():
        if model is Paper and name in parts:
            yield from ((f"{name}.{field}", annotation) for field, annotation in _leaves(parts[name]))
        elif name not in _NOT_CORRECTED:
            yield name, about.annotation


CORRECTABLE = dict(_leaves(Paper))
"""Fields of a paper that the form corrects, by dotted name, with their types."""


def claim_fields(form: str) -> dict[str, str]:
    """Which question fills which field of a claim.

    Args:
        form: Form of the claim, such as "share".

    Returns:
        Question id to field name; fields that nobody is asked for are left out.
    """
    fields = [name for name in CLAIM_FORMS[form].model_fields if name not in NOT_ASKED]
    return {CLAIM_QUESTIONS.get((form, name), name): name for name in fields}


def fewest_words(field: str) -> int:
    """Words that a text of a paper needs.

    Args:
        field: Dotted name of the field, such as "summary.result".

    Returns:
        The number; 0 where a text may do without letters.
    """
    if field.startswith(("summary.", "findings.")):
        return FEW_WORDS
    return int(field in {"title", "authors"})
