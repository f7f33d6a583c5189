"""What the issue forms ask, taken from the models: descriptions from the fields, options from the vocabularies.

Form files are written from these definitions and filled-in forms are read by them, so the two cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from catalog.errors import UnknownIdError
from catalog.models import (
    Claim,
    EffectClaim,
    ExperimentClaim,
    Findings,
    HeadsClaim,
    Links,
    Paper,
    Record,
    ShareClaim,
    Summary,
    Tags,
)
from catalog.models import UntestableClaim as Untestable

Answer = str | tuple[str, ...] | None
"""Text, or the options that were chosen or ticked; None where a text or a single choice was left empty."""

SENTENCES = 1_500
"""Characters that one or two sentences may have."""
FEW_WORDS = 3
"""Words that a sentence has at least."""
LINE = 300
"""Characters that an answer on one line may have."""


class Kind(StrEnum):
    """Elements of an issue form that take an answer."""

    INPUT = "input"
    TEXTAREA = "textarea"
    DROPDOWN = "dropdown"
    CHECKBOXES = "checkboxes"


@dataclass(frozen=True)
class Question:
    """One element of a form; its label is the heading over the answer in the issue."""

    id: str
    label: str
    kind: Kind = Kind.INPUT
    description: str = ""
    placeholder: str = ""
    options: tuple[str, ...] = ()
    is_multiple: bool = False
    is_required: bool = False
    longest: int = LINE
    fewest_words: int = 0
    """Words with letters that a text needs to say anything."""
    former_labels: tuple[str, ...] = ()
    """Labels that the question once had, so that old issues can still be read."""

    @property
    def takes_text(self) -> bool:
        """Whether the answer is free text."""
        return self.kind in {Kind.INPUT, Kind.TEXTAREA}

    @property
    def labels(self) -> tuple[str, ...]:
        """The label and those it had before."""
        return (self.label, *self.former_labels)


@dataclass(frozen=True)
class Form:
    """One issue form."""

    name: str
    """Its file name without the ending."""
    title: str
    description: str
    introduction: str
    issue_title: str
    questions: tuple[Question, ...]

    def question(self, question_id: str) -> Question:
        """Question with this id.

        Args:
            question_id: Such as "title".

        Returns:
            The question.

        Raises:
            KeyError: the form asks no such thing.
        """
        return next(question for question in self.questions if question.id == question_id)


def form_named(name: str) -> Form:
    """Form with this name.

    Args:
        name: Such as "add-a-paper".

    Returns:
        The form.

    Raises:
        UnknownIdError: there is none; names the nearest.
    """
    forms = {form.name: form for form in FORMS}
    if name not in forms:
        raise UnknownIdError("form", name, forms)
    return forms[name]


def _ask(model: type[Record], field: str, label: str, **changes: Any) -> Question:
    """Question about a field of a model: its description, whether it is required, its vocabulary."""
    about = model.model_fields[field]
    options, is_multiple = vocabulary(about.annotation)
    values: dict[str, Any] = {
        "id": field,
        "label": label,
        "kind": Kind.DROPDOWN if options else Kind.INPUT,
        "description": about.description,
        "options": options,
        "is_multiple": is_multiple and bool(options),
        "is_required": about.is_required(),
    }
    return Question(**(values | changes))


def vocabulary(annotation: Any) -> tuple[tuple[str, ...], bool]:
    """What a field takes.

    Args:
        annotation: Type of the field.

    Returns:
        The words that it takes, none if it takes any text; and whether it takes several.
    """
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return tuple(str(member.value) for member in annotation), False
    if get_origin(annotation) is Literal:
        return get_args(annotation), False
    if get_origin(annotation) is list:
        return vocabulary(get_args(annotation)[0])[0], True
    inner = [part for part in get_args(annotation) if part is not type(None)]
    return vocabulary(inner[0]) if len(inner) == 1 else ((), False)


def _confirm(*promises: str) -> Question:
    return Question(
        "confirmation", "Confirmation", Kind.CHECKBOXES, "All of them are needed.", options=promises, is_required=True
    )


OWN_WORDS = "The sentences are mine; none is copied or closely paraphrased from the paper or another list."
FREE = "I publish what I write here under CC0-1.0, like the rest of the data."
LOOKED = "I looked for the paper in the catalogue and did not find it."

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


def _sentences(**changes: Any) -> dict[str, Any]:
    return {"kind": Kind.TEXTAREA, "longest": SENTENCES, "fewest_words": FEW_WORDS, **changes}


ADD = Form(
    "add-a-paper",
    "Add a paper",
    "A paper that names, measures or uses functionally distinct attention heads.",
    "Write in your own words, one or two sentences each: **Innovation**, **Tasks** and **Significant result**.",
    "Add: ",
    (
        _ask(
            Paper,
            "title",
            "Title",
            fewest_words=fewest_words("title"),
            placeholder="In-context Learning and Induction Heads",
        ),
        _ask(
            Paper,
            "authors",
            "Authors",
            kind=Kind.TEXTAREA,
            longest=5_000,
            fewest_words=fewest_words("authors"),
            description="In the order of the paper, one to a line, first names first.",
            placeholder="Catherine Olsson\nNelson Elhage",
        ),
        _ask(
            Paper,
            "head_types",
            "Head names",
            kind=Kind.TEXTAREA,
            longest=SENTENCES,
            description="Heads that it names, measures or uses, one to a line, by name or alias.",
            placeholder="induction head\nprevious token head",
        ),
        _ask(Links, "paper", "Link", id="link", placeholder="https://arxiv.org/abs/2209.11895"),
        _ask(Paper, "arxiv_id", "arXiv id", description="If it has one.", placeholder="2209.11895"),
        _ask(Paper, "doi", "DOI", placeholder="10.18653/v1/2022.acl-long.1"),
        _ask(Paper, "venue", "Venue", placeholder="NeurIPS 2022"),
        _ask(
            Paper,
            "date",
            "Date",
            is_required=False,
            description=f"{Paper.model_fields['date'].description} Needed unless there is an arXiv id.",
            placeholder="2022-09-24",
        ),
        _ask(Paper, "date_basis", "Basis of the date", is_required=False, description="Needed if you give a date."),
        _ask(
            Paper,
            "models",
            "Models",
            kind=Kind.TEXTAREA,
            longest=SENTENCES,
            description="Models or model families that it studies, one to a line.",
            placeholder="GPT-2\nPythia",
        ),
        _ask(Links, "code", "Code"),
        _ask(Summary, "innovation", "Innovation", **_sentences()),
        _ask(Summary, "tasks", "Tasks", **_sentences()),
        _ask(Summary, "result", "Significant result", **_sentences(id="result")),
        Question(
            "claim",
            "Claim",
            Kind.TEXTAREA,
            "One thing that it claims about heads, in one sentence. Numbers go into the form for claims.",
            is_required=True,
            longest=SENTENCES,
            fewest_words=FEW_WORDS,
        ),
        _ask(Tags, "methods", "Methods"),
        _ask(Tags, "domains", "Domains"),
        _ask(Tags, "modalities", "Modalities"),
        _ask(Tags, "model_families", "Model families"),
        _confirm(LOOKED, OWN_WORDS, FREE),
    ),
)

CORRECT = Form(
    "correct-a-paper",
    "Correct a paper",
    "One field of one entry is wrong or missing.",
    "One field to an issue. Claims are added through their own form and changed by pull request.",
    "Correct: ",
    (
        Question(
            "paper",
            "Paper to correct",
            description="Id of the entry, or the arXiv id.",
            placeholder="olsson-2022-induction",
            is_required=True,
        ),
        Question("field", "Field", Kind.DROPDOWN, "What is wrong.", options=tuple(CORRECTABLE), is_required=True),
        Question(
            "value",
            "New value",
            Kind.TEXTAREA,
            "What should stand there. Lists: one item to a line, the whole list.",
            is_required=True,
            longest=5_000,
        ),
        Question("source", "Source", description="Where this can be checked.", is_required=True),
        _confirm(OWN_WORDS, FREE),
    ),
)

CLAIM = Form(
    "report-a-claim",
    "Report a claim",
    "Something that a paper of the catalogue claims about heads, in a form that a probe can check.",
    "Forms of claims: **heads** (these heads of this model are of this type), **share** (of all heads, from 0 to 1), "
    "**effect** (ablating the heads moves a metric), **untestable** (with the reason). "
    "Leave empty what the form of your claim does not need.",
    "Claim: ",
    (
        Question(
            "paper",
            "Paper with the claim",
            description="Id of the entry, or the arXiv id.",
            placeholder="olsson-2022-induction",
            is_required=True,
        ),
        Question("form", "Form of the claim", Kind.DROPDOWN, options=tuple(CLAIM_FORMS), is_required=True),
        _ask(HeadsClaim, "statement", "Statement", **_sentences()),
        _ask(HeadsClaim, "where", "Where it stands", placeholder="section 4.1, table 2"),
        _ask(
            HeadsClaim,
            "head_type",
            "Head type",
            is_required=False,
            description="By name or alias. Needed unless the claim is untestable.",
            placeholder="induction head",
        ),
        _ask(
            HeadsClaim,
            "model",
            "Model",
            is_required=False,
            description="As a Hugging Face id where one exists. Needed for heads; left out, any model.",
            placeholder="openai-community/gpt2",
        ),
        _ask(
            HeadsClaim,
            "heads",
            "Heads",
            kind=Kind.TEXTAREA,
            is_required=False,
            longest=20_000,
            description="Heads: layer and head from 0, most important first where the source ranks them.",
            placeholder="L5H1, L6H9",
        ),
        _ask(
            HeadsClaim,
            "scores",
            "Scores",
            kind=Kind.TEXTAREA,
            longest=20_000,
            description="Heads: published score of each head, in the same order.",
            placeholder="0.91, 0.87",
        ),
        _ask(HeadsClaim, "measure", "Measure", description="Heads: name of the published score."),
        _ask(HeadsClaim, "found_on", "Found on", description="Heads: task, relation or data they were found on."),
        _ask(HeadsClaim, "unit", "An index counts", id="index_counts", description="Heads: what an index counts."),
        _ask(
            HeadsClaim,
            "evidence",
            "Evidence",
            is_required=False,
            description="Heads: primary is the authors' own release, secondary someone else's.",
        ),
        _ask(ShareClaim, "at_least", "At least", description="Share: from 0 to 1, or in %. Effect: the least change."),
        _ask(ShareClaim, "at_most", "At most", description="Share: largest share of all heads, from 0 to 1, or in %."),
        _ask(EffectClaim, "metric", "Metric", is_required=False, description="Effect: what is measured."),
        _ask(
            EffectClaim,
            "direction",
            "Direction",
            is_required=False,
            description="Effect: which way the metric goes when the heads are ablated.",
        ),
        _ask(EffectClaim, "unit", "Unit of the change", id="change_unit", description="Effect: unit of that change."),
        _ask(
            Untestable,
            "reason",
            "Reason",
            **_sentences(is_required=False, description="Untestable: why no probe can check it."),
        ),
        _confirm(OWN_WORDS, FREE),
    ),
)

PROBE = Form(
    "request-a-probe",
    "Request a probe",
    "A head type that should be measured on a model.",
    "Nothing is written to the catalogue; the request is checked and waits for someone with the machine for it.",
    "Probe: ",
    (
        Question(
            "head_type",
            "Head type to measure",
            description="By name or alias.",
            placeholder="induction head",
            is_required=True,
        ),
        Question(
            "model",
            "Model to measure",
            description="As a Hugging Face id where one exists.",
            placeholder="EleutherAI/pythia-160m",
            is_required=True,
        ),
        Question(
            "why",
            "Why",
            Kind.TEXTAREA,
            "What the answer would settle.",
            is_required=True,
            longest=5_000,
            fewest_words=FEW_WORDS,
        ),
        Question(
            "papers",
            "Papers",
            Kind.TEXTAREA,
            "Entries that it bears on, one id or arXiv id to a line.",
            longest=SENTENCES,
            placeholder="olsson-2022-induction",
        ),
    ),
)

FORMS = (ADD, CORRECT, CLAIM, PROBE)
"""All forms, in the order in which people choose among them."""
