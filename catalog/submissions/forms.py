"""What the issue forms ask, taken from the models: descriptions from the fields, options from the vocabularies.

Form files are written from these definitions and filled-in forms are read by them, so the two cannot drift apart.
"""

from __future__ import annotations

from typing import Any

from catalog.errors import UnknownIdError
from catalog.models import EffectClaim, HeadsClaim, Links, Paper, ShareClaim, Summary, Tags
from catalog.models import UntestableClaim as Untestable
from catalog.submissions.fields import CLAIM_FORMS, CORRECTABLE, FEW_WORDS, fewest_words
from catalog.submissions.questions import Form, Kind, Question, ask

SENTENCES = 1_500
"""Characters that one or two sentences may have."""

OWN_WORDS = "The sentences are mine; none is copied or closely paraphrased from the paper or another list."
FREE = "I publish what I write here under CC0-1.0, like the rest of the data."
LOOKED = "I looked for the paper in the catalogue and did not find it."


def _confirm(*promises: str) -> Question:
    return Question(
        "confirmation", "Confirmation", Kind.CHECKBOXES, "All of them are needed.", options=promises, is_required=True
    )


def _sentences(**changes: Any) -> dict[str, Any]:
    return {"kind": Kind.TEXTAREA, "longest": SENTENCES, "fewest_words": FEW_WORDS, **changes}


ADD = Form(
    "add-a-paper",
    "Add a paper",
    "A paper that names, measures or uses functionally distinct attention heads.",
    "Write in your own words, one or two sentences each: **Innovation**, **Tasks** and **Significant result**.",
    "Add: ",
    (
        ask(
            Paper,
            "title",
            "Title",
            fewest_words=fewest_words("title"),
            placeholder="In-context Learning and Induction Heads",
        ),
        ask(
            Paper,
            "authors",
            "Authors",
            kind=Kind.TEXTAREA,
            longest=5_000,
            fewest_words=fewest_words("authors"),
            description="In the order of the paper, one to a line, first names first.",
            placeholder="Catherine Olsson\nNelson Elhage",
        ),
        ask(
            Paper,
            "head_types",
            "Head names",
            kind=Kind.TEXTAREA,
            longest=SENTENCES,
            description="Heads that it names, measures or uses, one to a line, by name or alias.",
            placeholder="induction head\nprevious token head",
        ),
        ask(Links, "paper", "Link", id="link", placeholder="https://arxiv.org/abs/2209.11895"),
        ask(Paper, "arxiv_id", "arXiv id", description="If it has one.", placeholder="2209.11895"),
        ask(Paper, "doi", "DOI", placeholder="10.18653/v1/2022.acl-long.1"),
        ask(Paper, "venue", "Venue", placeholder="NeurIPS 2022"),
        ask(
            Paper,
            "date",
            "Date",
            is_required=False,
            description=f"{Paper.model_fields['date'].description} Needed unless there is an arXiv id.",
            placeholder="2022-09-24",
        ),
        ask(Paper, "date_basis", "Basis of the date", is_required=False, description="Needed if you give a date."),
        ask(
            Paper,
            "models",
            "Models",
            kind=Kind.TEXTAREA,
            longest=SENTENCES,
            description="Models or model families that it studies, one to a line.",
            placeholder="GPT-2\nPythia",
        ),
        ask(Links, "code", "Code"),
        ask(Summary, "innovation", "Innovation", **_sentences()),
        ask(Summary, "tasks", "Tasks", **_sentences()),
        ask(Summary, "result", "Significant result", **_sentences(id="result")),
        Question(
            "claim",
            "Claim",
            Kind.TEXTAREA,
            "One thing that it claims about heads, in one sentence. Numbers go into the form for claims.",
            is_required=True,
            longest=SENTENCES,
            fewest_words=FEW_WORDS,
        ),
        ask(Tags, "methods", "Methods"),
        ask(Tags, "domains", "Domains"),
        ask(Tags, "modalities", "Modalities"),
        ask(Tags, "model_families", "Model families"),
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
        ask(HeadsClaim, "statement", "Statement", **_sentences()),
        ask(HeadsClaim, "where", "Where it stands", placeholder="section 4.1, table 2"),
        ask(
            HeadsClaim,
            "head_type",
            "Head type",
            is_required=False,
            description="By name or alias. Needed unless the claim is untestable.",
            placeholder="induction head",
        ),
        ask(
            HeadsClaim,
            "model",
            "Model",
            is_required=False,
            description="As a Hugging Face id where one exists. Needed for heads; left out, any model.",
            placeholder="openai-community/gpt2",
        ),
        ask(
            HeadsClaim,
            "heads",
            "Heads",
            kind=Kind.TEXTAREA,
            is_required=False,
            longest=20_000,
            description="Heads: layer and head from 0, most important first where the source ranks them.",
            placeholder="L5H1, L6H9",
        ),
        ask(
            HeadsClaim,
            "scores",
            "Scores",
            kind=Kind.TEXTAREA,
            longest=20_000,
            description="Heads: published score of each head, in the same order.",
            placeholder="0.91, 0.87",
        ),
        ask(HeadsClaim, "measure", "Measure", description="Heads: name of the published score."),
        ask(HeadsClaim, "found_on", "Found on", description="Heads: task, relation or data they were found on."),
        ask(HeadsClaim, "unit", "An index counts", id="index_counts", description="Heads: what an index counts."),
        ask(
            HeadsClaim,
            "evidence",
            "Evidence",
            is_required=False,
            description="Heads: primary is the authors' own release, secondary someone else's.",
        ),
        ask(ShareClaim, "at_least", "At least", description="Share: from 0 to 1, or in %. Effect: the least change."),
        ask(ShareClaim, "at_most", "At most", description="Share: largest share of all heads, from 0 to 1, or in %."),
        ask(EffectClaim, "metric", "Metric", is_required=False, description="Effect: what is measured."),
        ask(
            EffectClaim,
            "direction",
            "Direction",
            is_required=False,
            description="Effect: which way the metric goes when the heads are ablated.",
        ),
        ask(EffectClaim, "unit", "Unit of the change", id="change_unit", description="Effect: unit of that change."),
        ask(
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
