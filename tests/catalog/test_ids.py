import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from catalog.errors import ArxivIdError
from catalog.ids import (
    LONGEST_ID,
    ArxivId,
    ClaimId,
    Head,
    HeadName,
    HeadTypeId,
    PaperId,
    Unquoted,
    parse_arxiv_id,
    parse_arxiv_ids,
    slugify,
)
from catalog.runs import MeasuredModel

SLUG = TypeAdapter(MeasuredModel.model_fields["slug"].rebuild_annotation())


@given(st.builds(HeadName, st.integers(0, 9999), st.integers(0, 9999)))
def test_head_name_is_read_back_from_its_text(name):
    assert HeadName.parse(str(name)) == name


@pytest.mark.parametrize(
    "text", ["", "L5", "5.1", "l5h1", "L5H1 ", " L5H1", "L5H1\n", "L-1H0", "L1H", "LH1", "L5H1H2", "L12345H0"], ids=repr
)
def test_head_name_of_another_form_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="write layer and head from 0, like L5H1"):
        HeadName.parse(text)


def test_head_field_is_normalised_so_that_two_spellings_are_one_head():
    assert TypeAdapter(Head).validate_python("L05H1") == "L5H1"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (PaperId, "olsson-2022-induction"),
        (PaperId, "van-der-berg-1999-two-words"),
        (ClaimId, "one-layer-has-none"),
        (HeadTypeId, "previous_token"),
        (ArxivId, "2209.11890"),
        (ArxivId, "1501.0001"),
        (ArxivId, "hep-th/9901001"),
        (ArxivId, "math.GT/0309136"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_id_of_its_form_is_kept_as_it_is(kind, text):
    assert TypeAdapter(kind).validate_python(text) == text


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (PaperId, "Olsson-2022-induction"),
        (PaperId, "olsson-22-induction"),
        (PaperId, "olsson-2022"),
        (PaperId, "olsson-2022-"),
        (PaperId, "olsson-2022-induction\n"),
        (PaperId, "../olsson-2022-induction"),
        (ClaimId, "Heads"),
        (ClaimId, "two--hyphens"),
        (HeadTypeId, "previous-token"),
        (HeadTypeId, "_private"),
        (HeadTypeId, "1st"),
        (ArxivId, "2209.1189"[:-1]),
        (ArxivId, "2209.11895v2"),
        (ArxivId, "arXiv:2209.11895"),
        (ArxivId, "2209.118950"),
    ],
    ids=lambda value: repr(value) if isinstance(value, str) else "",
)
def test_id_of_another_form_is_refused(kind, text):
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(text)


@pytest.mark.parametrize(
    ("kind", "start"), [(PaperId, "a-2024-"), (ClaimId, ""), (HeadTypeId, "")], ids=["paper", "claim", "type"]
)
def test_id_is_no_longer_than_a_file_name_may_be(kind, start):
    longest = start + "a" * (LONGEST_ID - len(start))
    assert TypeAdapter(kind).validate_python(longest) == longest
    with pytest.raises(ValidationError, match="at most 80 characters"):
        TypeAdapter(kind).validate_python(longest + "a")


def test_arxiv_id_without_quotes_is_refused_although_its_digits_are_right():
    with pytest.raises(ValidationError, match=r"unquoted 2209\.11890: YAML reads it as a number"):
        TypeAdapter(ArxivId).validate_python(Unquoted("2209.11890"))


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("openai-community/gpt2", "openai-community--gpt2"),
        ("SmolLM2-135M-Instruct.Q4_1", "smollm2-135m-instruct-q4-1"),
        ("/home/me/My Model/", "home--me--my-model"),
        ("../..", ""),
        ("ÄÖ", ""),
        ("", ""),
    ],
    ids=repr,
)
def test_slug_keeps_letters_and_digits(text, slug):
    assert slugify(text) == slug


@given(st.text() | st.text("aB0-/._ "))
@example("a/b")
@example("a/-/b")
@example("a---b")
def test_slug_is_empty_or_fits_a_measured_model_and_is_its_own_slug(text):
    slug = slugify(text)
    assert not slug or SLUG.validate_python(slug) == slug
    assert slugify(slug) == slug


MONTHS = st.integers(1, 12)
NEW_IDS = st.builds("{:02}{:02}.{:05}".format, st.integers(15, 89), MONTHS, st.integers(0, 99999))
MIDDLE_IDS = st.builds("{:02}{:02}.{:04}".format, st.integers(8, 14), MONTHS, st.integers(0, 9999))
OLD_IDS = st.builds(
    "{}/{}{:02}{:03}".format,
    st.sampled_from(["math", "hep-th", "cond-mat", "q-alg"]),
    st.sampled_from(["91", "99", "00", "06"]),
    MONTHS,
    st.integers(0, 999),
)
AROUND_ARXIV_ID = [
    *("{}", " {} ", "arXiv:{}", "arxiv: {}", "10.48550/arXiv.{}", "https://doi.org/10.48550/arXiv.{}"),
    *("https://arxiv.org/abs/{}", "http://www.arxiv.org/pdf/{}.pdf", "https://arxiv.org/pdf/{}", "arxiv.org/html/{}/"),
    *("https://export.arxiv.org/abs/{}?context=cs", "HTTPS://ARXIV.ORG/ABS/{}#top"),
]


@given(NEW_IDS | MIDDLE_IDS | OLD_IDS, st.sampled_from(AROUND_ARXIV_ID), st.sampled_from(["", "v1", "v12"]))
def test_arxiv_id_is_read_from_every_way_to_write_it(arxiv_id, around, version):
    assert parse_arxiv_id(around.format(arxiv_id + version)) == arxiv_id
    assert TypeAdapter(ArxivId).validate_python(arxiv_id) == arxiv_id


@given(st.text() | st.from_regex(r"[0-9]{3,5}\.[0-9]{3,6}(v[0-9]+)?"))
def test_arxiv_id_is_itself_again_or_refused(text):
    try:
        arxiv_id = parse_arxiv_id(text)
    except ArxivIdError:
        return
    assert parse_arxiv_id(arxiv_id) == arxiv_id
    assert TypeAdapter(ArxivId).validate_python(arxiv_id) == arxiv_id


def test_arxiv_id_loses_its_subject_class_which_arxiv_leaves_out_too():
    assert parse_arxiv_id("math.GT/0309136v2") == "math/0309136"


@pytest.mark.parametrize(
    "text",
    [
        *("", "foo", "2404", "2413.00001", "2400.00001", "0703.0001", "1412.00001", "1501.0001", "2404.155740"),
        *("2404.15574v", "2404.15574v0", "2404.15574 2404.15575", "math/030913", "https://example.org/abs/2404.15574"),
        *("https://arxiv.org/list/cs.CL/recent", "２４０４.15574", "2404.15574\n2404.15575"),
    ],
    ids=repr,
)
def test_what_arxiv_never_gave_as_an_id_is_refused(text):
    with pytest.raises(ArxivIdError, match=r"no arXiv id: .*write 2404\.15574"):
        parse_arxiv_id(text)


def test_arxiv_ids_come_once_each_and_wrong_ones_are_all_named():
    assert parse_arxiv_ids(["2404.15574v2", "2209.11895", "arXiv:2404.15574"]) == ["2404.15574", "2209.11895"]
    with pytest.raises(ArxivIdError, match="'foo', 'bar'") as caught:
        parse_arxiv_ids(["foo", "2404.15574", "bar"])
    assert caught.value.wrong == ["foo", "bar"]
