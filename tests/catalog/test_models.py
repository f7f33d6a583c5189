import pytest
from pydantic import TypeAdapter, ValidationError

from catalog.models import EffectClaim, HeadsClaim, HeadType, Paper, PartialDate, ShareClaim, UntestableClaim

HEADS = {
    "id": "a",
    "statement": "Heads.",
    "form": "heads",
    "head_type": "echo",
    "model": "m",
    "heads": ["L0H0", "L1H2"],
    "evidence": "primary",
}
SHARE = {"id": "a", "statement": "Few.", "form": "share", "head_type": "echo"}
EFFECT = {
    "id": "a",
    "statement": "Needed.",
    "form": "effect",
    "head_type": "echo",
    "metric": "loss",
    "direction": "rises",
}


@pytest.mark.parametrize("text", ["2021", "2021-05", "2021-05-04", "2024-02-29"])
def test_date_may_be_a_day_a_month_or_a_year(text):
    assert TypeAdapter(PartialDate).validate_python(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "21", "2021-5", "2021-13", "2021-00", "2021-05-32", "2021-02-30", "2023-02-29", "2021/05/04", "2021-05-04 "],
    ids=repr,
)
def test_date_that_does_not_exist_is_refused(text):
    with pytest.raises(ValidationError):
        TypeAdapter(PartialDate).validate_python(text)


@pytest.mark.parametrize(
    ("claim", "changes"),
    [
        (HeadsClaim, {**HEADS, "scores": ["0.5", "-1"], "measure": "score"}),
        (HeadsClaim, HEADS),
        (ShareClaim, {**SHARE, "at_least": "0.1"}),
        (ShareClaim, {**SHARE, "at_least": 0, "at_most": 0}),
        (EffectClaim, EFFECT),
        (EffectClaim, {**EFFECT, "at_least": 0.1, "unit": "nats"}),
        (UntestableClaim, {"id": "a", "statement": "Nice.", "form": "untestable", "reason": "taste"}),
    ],
    ids=["heads-scored", "heads", "share", "share-none", "effect", "effect-sized", "untestable"],
)
def test_claim_of_every_form_is_accepted(claim, changes):
    assert claim.model_validate(changes).form == changes["form"]


@pytest.mark.parametrize(
    ("claim", "values", "message"),
    [
        (HeadsClaim, {**HEADS, "heads": ["L0H0", "L0H0"]}, "a head is listed twice"),
        (HeadsClaim, {**HEADS, "heads": ["L0H0", "L00H0"]}, "a head is listed twice"),
        (HeadsClaim, {**HEADS, "heads": []}, "at least 1 item"),
        (HeadsClaim, {**HEADS, "heads": ["5.1"]}, "'5.1' is not a head"),
        (HeadsClaim, {**HEADS, "scores": [1.0], "measure": "score"}, "1 scores for 2 heads"),
        (HeadsClaim, {**HEADS, "scores": [1.0, 2.0]}, "scores and measure belong together"),
        (HeadsClaim, {**HEADS, "measure": "score"}, "scores and measure belong together"),
        (HeadsClaim, {**HEADS, "scores": ["nan", "1"], "measure": "score"}, "finite number"),
        (ShareClaim, {**SHARE, "at_least": 0.5, "at_most": 0.1}, "at_least 0.5 is above at_most 0.1"),
        (ShareClaim, SHARE, "claims nothing"),
        (ShareClaim, {**SHARE, "at_most": 1.1}, "less than or equal to 1"),
        (ShareClaim, {**SHARE, "at_most": "nan"}, "less than or equal to 1"),
        (EffectClaim, {**EFFECT, "at_least": 0.5}, "at_least and unit belong together"),
        (EffectClaim, {**EFFECT, "unit": "nats"}, "at_least and unit belong together"),
        (EffectClaim, {**EFFECT, "at_least": 0, "unit": "nats"}, "greater than 0"),
        (EffectClaim, {**EFFECT, "at_least": "inf", "unit": "nats"}, "finite number"),
    ],
    ids=[
        "head-twice",
        "head-twice-in-two-spellings",
        "no-heads",
        "not-a-head",
        "score-count",
        "scores-without-measure",
        "measure-without-scores",
        "score-not-a-number",
        "range-upside-down",
        "range-says-nothing",
        "share-above-one",
        "share-not-a-number",
        "size-without-unit",
        "unit-without-size",
        "size-zero",
        "size-infinite",
    ],
)
def test_claim_that_contradicts_itself_is_refused(claim, values, message):
    with pytest.raises(ValidationError, match=message):
        claim.model_validate(values)


def test_claims_of_a_paper_become_the_class_of_their_form(make_paper):
    assert [type(claim) for claim in make_paper().claims] == [HeadsClaim, ShareClaim, EffectClaim, UntestableClaim]


@pytest.mark.parametrize(
    ("authors", "citation"),
    [
        (["Ada Grebe"], "Grebe, 2021"),
        (["Ada Grebe", "Bo van Heron"], "Grebe and Heron, 2021"),
        (["Ada Grebe", "Bo Heron", "Cy Teal"], "Grebe et al., 2021"),
    ],
    ids=["one", "two", "three"],
)
def test_short_citation_names_as_many_authors_as_usual(make_paper, authors, citation):
    paper = make_paper(authors=authors)
    assert (paper.short_citation, paper.first_author, paper.year) == (citation, "Grebe", 2021)


@pytest.mark.parametrize(
    "changes",
    [
        {"colour": "blue"},
        {"title": "  "},
        {"authors": []},
        {"claims": []},
        {"links": {"paper": "not an address"}},
        {"links": {"paper": "javascript:alert(1)"}},
        {"links": {"paper": "https://user:pw@example.org/echo"}},
        {"links": {"paper": "https://user@example.org/echo"}},
        {"links": {"paper": "https://example.org/echo", "code": "https://localhost/echo"}},
        {"links": {"paper": "https://intranet./echo"}},
        {"date_basis": "a guess"},
    ],
    ids=str,
)
def test_paper_with_a_wrong_field_is_refused(make_paper, changes):
    with pytest.raises(ValidationError, match=next(iter(changes))):
        make_paper(**changes)


def test_summary_must_say_who_wrote_it(make_paper):
    summary = make_paper().summary.model_dump()
    del summary["written_by"]
    with pytest.raises(ValidationError, match="written_by"):
        make_paper(summary=summary)


def test_record_does_not_change(make_paper):
    with pytest.raises(ValidationError, match="frozen"):
        make_paper().title = "Another"


def test_paper_is_read_back_from_its_json(make_paper):
    paper = make_paper()
    assert Paper.model_validate_json(paper.model_dump_json(exclude_none=True)) == paper


@pytest.mark.parametrize("model", [Paper, HeadType, HeadsClaim, ShareClaim, EffectClaim, UntestableClaim])
def test_every_field_is_described(model):
    assert not [name for name, field in model.model_fields.items() if not field.description]
