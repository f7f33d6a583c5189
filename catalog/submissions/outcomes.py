"""What the forms have in common once their answers are read: records, duplicates, names of claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from catalog.canonical.formatting import dump_entry
from catalog.duplicates import normal_doi, normal_title
from catalog.ids import LONGEST_ID, slugify
from catalog.models import Paper
from catalog.submissions.reading import Reader, Way

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Outcome:
    """What a form comes to before it is checked against the rest of the catalogue."""

    title: str
    """What it does, in one line."""
    paper: Paper | None = None
    is_new: bool = False
    entry: str = ""
    """What is asked for, as YAML, where no paper is written."""
    notes: tuple[str, ...] = ()


def validated(reader: Reader, model: type[Model], raw: dict[str, Any], ways: Mapping[Way, str], default: str) -> Model:
    """Record of the raw values, if nothing is wrong with any answer.

    Args:
        reader: The answers.
        model: Kind of record.
        raw: The values.
        ways: Question that fills each field, by the way to it.
        default: Question that gets what belongs to none.

    Returns:
        The record.

    Raises:
        SubmissionError: with what the model refused, and every problem that the reader has kept.
    """
    try:
        record = model.model_validate(raw)
    except ValidationError as error:
        reader.explain(error, ways, default)
    reader.finish()
    return record


def refuse_duplicates(reader: Reader, questions: Mapping[str, str], raw: Mapping[str, Any]) -> None:
    """Complain about what another entry has already, and show that entry.

    Args:
        reader: The answers.
        questions: Question that fills each of the fields to look at.
        raw: The values; those of the entry itself, if it is there already.
    """
    for name, question in questions.items():
        wanted = _comparable(name, raw.get(name))
        for paper in reader.registry.papers.values():
            is_other = paper.id != raw.get("id") and paper.superseded_by is None
            if wanted and is_other and _comparable(name, getattr(paper, name)) == wanted:
                reader.complain(question, f"stands in the catalogue already, as {paper.id}", dump_entry(paper))
        for left_out in reader.registry.left_out:
            if wanted and _comparable(name, getattr(left_out, name, None)) == wanted:
                reader.complain(question, f"was considered before and left out: {left_out.reason}")


def _comparable(name: str, value: Any) -> str:
    normal = {"title": normal_title, "doi": normal_doi}.get(name, str)
    return normal(value) if value else ""


def make_claim_id(statement: str, taken: set[str]) -> str:
    """Name of a claim from the first words of its statement.

    Args:
        statement: What the paper claims.
        taken: Names of the paper's other claims.

    Returns:
        A name that none of them has.
    """
    slug = slugify(" ".join(statement.split()[:6]).replace("/", " ").replace("--", " "))
    words = slug[: LONGEST_ID - len("-100")].rstrip("-") or "claim"
    candidates = [words, *(f"{words}-{number}" for number in range(2, len(taken) + 3))]
    return next(candidate for candidate in candidates if candidate not in taken)
