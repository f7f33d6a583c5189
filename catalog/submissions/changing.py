"""The forms "Correct a paper" and "Report a claim": a change of one entry, or what keeps it from being one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from catalog.models import Claim, Paper
from catalog.submissions.fields import CLAIM_FORMS, CORRECTABLE, claim_fields, fewest_words
from catalog.submissions.outcomes import Outcome, make_claim_id, refuse_duplicates, validated
from catalog.submissions.questions import vocabulary
from catalog.submissions.reading import Reader, Way


def correct_paper(reader: Reader) -> Outcome:
    """Entry with one field changed.

    Args:
        reader: The answers.

    Returns:
        The paper as it would be.

    Raises:
        SubmissionError: with every problem by field label.
    """
    old, name = reader.paper("paper"), reader.text("field")
    value = _new_value(reader, name) if name else None
    reader.finish()
    if old is None or name is None:
        raise AssertionError("required answers are there once the reader has finished")
    if name.startswith("findings.") and old.findings is None:
        reader.complain("field", "the entry has no findings yet; they come as a whole, by pull request")
        reader.finish()
    reader.ask_for_words("value", fewest_words(name))
    raw = old.model_dump(mode="json", exclude_none=True)
    _put(raw, name.split("."), value)
    if name in {"title", "arxiv_id", "doi"}:
        refuse_duplicates(reader, {name: "value"}, raw)
    if name == "superseded_by" and (value == old.id or value not in reader.registry.papers):
        reader.complain("value", f"'{value}' is not the id of another entry")
    paper = validated(reader, Paper, raw, {}, "value")
    if paper == old:
        reader.complain("value", "stands there already")
        reader.finish()
    source = f"Source, as the submitter gives it: {reader.text('source')}"
    notes = [source, *reader.notes]
    if paper.summary != old.summary:
        paper = _with_summary_by_a_person(paper)
        notes.append("The summary now counts as written by a person, and as not yet checked by another.")
    return Outcome(f"Correct {name} of {paper.id}", paper, notes=tuple(notes))


def _new_value(reader: Reader, name: str) -> Any:
    options, is_list = vocabulary(CORRECTABLE[name])
    if options:
        words = reader.options_in_text("value", options)
        return words if is_list else ", ".join(words)
    special: dict[str, Callable[[str], Any]] = {
        "authors": reader.names,
        "date": reader.day,
        "head_types": reader.head_types,
        "arxiv_id": reader.arxiv_id,
        "doi": reader.doi,
    }
    return special.get(name, reader.items if is_list else reader.text)("value")


def _put(raw: dict[str, Any], path: list[str], value: Any) -> None:
    """Change one value of an entry."""
    for step in path[:-1]:
        raw = raw.setdefault(step, {})
    raw[path[-1]] = value


def _with_summary_by_a_person(paper: Paper) -> Paper:
    """Paper whose summary counts as a person's, whoever wrote the other sentences; nobody has checked it as it is."""
    summary = paper.summary.model_copy(update={"written_by": "person", "reviewed_by": None})
    return paper.model_copy(update={"summary": summary})


def report_claim(reader: Reader) -> Outcome:
    """Entry with one more claim.

    Args:
        reader: The answers.

    Returns:
        The paper as it would be.

    Raises:
        SubmissionError: with every problem by field label.
    """
    paper, form = reader.paper("paper"), reader.text("form")
    raw = _raw_claim(reader, form) if form else {}
    if paper is None or form is None:
        reader.finish()
        raise AssertionError("required answers are there once the reader has finished")
    raw["id"] = make_claim_id(raw.get("statement", ""), {claim.id for claim in paper.claims})
    ways: dict[Way, str] = {(name,): question for question, name in claim_fields(form).items()}
    claim = cast("Claim", validated(reader, CLAIM_FORMS[form], raw, ways, "heads" if form == "heads" else "at_least"))
    for other in paper.claims:
        if other.model_copy(update={"id": claim.id}) == claim or other.statement == claim.statement:
            reader.complain("statement", f"stands there already, as the claim {other.id}")
    reader.finish()
    changed = paper.model_copy(update={"claims": [*paper.claims, claim]})
    return Outcome(f"Add the claim {claim.id} to {paper.id}", changed)


def _raw_claim(reader: Reader, form: str) -> dict[str, Any]:
    """Answers as fields of a claim; those that its form does not have are complained about."""
    fields = claim_fields(form)
    general = {"paper", "form", "confirmation"}
    for question in reader.form.questions:
        if question.id not in {*fields, *general} and reader.answers.get(question.id):
            reader.complain(question.id, f"is no part of a claim of form {form}; leave it empty")
    readers: dict[str, Callable[[str], Any]] = {
        "heads": reader.heads,
        "scores": reader.numbers,
        "head_type": reader.head_type,
        "at_least": reader.share if form == "share" else reader.number,
        "at_most": reader.share,
    }
    values = {name: readers.get(name, reader.text)(question) for question, name in fields.items()}
    return {"form": form, **{name: value for name, value in values.items() if value not in (None, [])}}
