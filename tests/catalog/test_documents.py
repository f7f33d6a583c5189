import re
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog import documents
from catalog.checks import check_documents
from catalog.documents import read_document, validate_entries
from catalog.errors import Code, DataFolderError
from catalog.ids import Unquoted
from catalog.models import Paper

POND = (Path(__file__).parents[1] / "fixtures" / "pond" / "papers.yaml").read_text(encoding="utf-8")
LOADERS = {name: getattr(yaml, name) for name in ("SafeLoader", "CSafeLoader") if hasattr(yaml, name)}


@pytest.fixture(params=LOADERS)
def loader(request, monkeypatch):
    """Each YAML loader in turn: the one in C is used where there is one."""
    monkeypatch.setattr(documents, "Loader", LOADERS[request.param])


@pytest.fixture
def read(tmp_path):
    """Function that reads text or bytes as a document."""

    def read(content):
        path = tmp_path / "papers.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_document(path)

    return read


@pytest.fixture(scope="session")
def scratch(tmp_path_factory):
    """A file to write to and read again, many times in one test."""
    return tmp_path_factory.mktemp("documents") / "papers.yaml"


def places(document):
    return [(problem.line, problem.column, problem.code) for problem in document.problems]


@pytest.mark.usefixtures("loader")
def test_scalars_stay_text_and_plain_null_is_none(read):
    document = read("- {number: 1.10, date: 2022-03-08, truth: no, text: x, quoted: '1.10', none: ~, empty: }")
    expected = {"number": "1.10", "date": "2022-03-08", "truth": "no", "text": "x", "quoted": "1.10"}
    assert document.data == [expected | {"none": None, "empty": None}]
    assert not document.problems


@pytest.mark.usefixtures("loader")
def test_only_what_yaml_would_not_read_as_text_is_marked_as_unquoted(read):
    document = read("- 1.10\n- 2022-03-08\n- no\n- x\n- '1.10'\n- \"no\"\n- |\n  1.10\n- >-\n  1.10\n")
    assert [isinstance(value, Unquoted) for value in document.data] == [True] * 3 + [False] * 5


@pytest.mark.usefixtures("loader")
def test_every_key_and_value_has_its_place(read):
    document = read("- id: a\n  list:\n    - x\n    - {key: y}\n")
    assert document.keys[0, "list"] == (2, 3)
    assert document.values[0, "id"] == (1, 7)
    assert document.values[0, "list", 0] == (3, 7)
    assert document.values[0, "list", 1, "key"] == (4, 13)


@pytest.mark.parametrize("content", ["", "# only a comment\n", "[]"], ids=repr)
def test_empty_file_has_no_entries_and_no_problems(read, content):
    document = read(content)
    assert (document.data, document.problems) == ([], [])


@pytest.mark.usefixtures("loader")
def test_repeated_key_is_a_problem_at_the_second_one_and_the_first_counts(read):
    document = read("- id: a\n  title: first\n  title: second\n  title: third\n")
    assert places(document) == [(3, 3, Code.DUPLICATE_KEY), (4, 3, Code.DUPLICATE_KEY)]
    assert all("(first in line 2)" in problem.message for problem in document.problems)
    assert document.data[0]["title"] == "first"


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize(
    ("content", "line", "column", "code", "message"),
    [
        (b"- id: a\n- id: 'b\n", 3, 1, Code.SYNTAX, "unexpected end of stream"),
        (b"- id: a\n  b: c: d\n", 2, 7, Code.SYNTAX, "mapping values are not allowed"),
        (b"- id: a\n\tb: c\n", 2, 1, Code.SYNTAX, ""),  # the two loaders word it differently
        (b"- id: *nothing\n", 1, 7, Code.REFERENCE, "an alias (*) is not allowed"),
        (b"- id: &name a\n", 1, 7, Code.REFERENCE, "an anchor (&) is not allowed"),
        (b"- {id: !!python/name:os.system }\n", 1, 8, Code.REFERENCE, "a tag (!) is not allowed"),
        (b"- id: a\n<<<<<<< HEAD\n- id: b\n=======\n>>>>>>> other\n", 2, 1, Code.CONFLICT, "both sides of a merge"),
        (b"- id: a\n---\n- id: b\n", 2, 1, Code.SYNTAX, "another document"),
        (b"- id: a\r\n- id: b\xe9\r\n", 2, 8, Code.SYNTAX, "is not UTF-8"),
        (b"- id: \xc3\xa9\xff\n", 1, 8, Code.SYNTAX, "is not UTF-8"),
        (b"- id: a\n- id: \xc3\xa9\x01b\n", 2, 8, Code.SYNTAX, r"holds the character '\x01'"),
        (b"- id: a\n- id: '\x1b[31m'\n", 2, 8, Code.SYNTAX, r"holds the character '\x1b'"),
        (b"- " + b"[" * 1200 + b"]" * 1200, 1, 1, Code.SYNTAX, "nested too deeply"),
        (b"# comment\n\nid: a\n", 3, 1, Code.NOT_A_LIST, "is not a list"),
        (b"just text\n", 1, 1, Code.NOT_A_LIST, "is not a list"),
        (b"~\n", 1, 1, Code.NOT_A_LIST, "is not a list"),
        (b"\xef\xbb\xbf- id: a\n", 1, 1, Code.SYNTAX, "begins with a byte-order mark"),
        (b"- id: a\n  ? [a, b]\n  : c\n", 2, 5, Code.SYNTAX, "a key is not text"),
        (b"- id: a\n  ? {a: b}\n  : c\n", 2, 5, Code.SYNTAX, "a key is not text"),
        (b"- id: a\n  ~: x\n", 2, 3, Code.SYNTAX, "a key is not text"),
        (b"- id: a\n  1: x\n", 2, 3, Code.SYNTAX, "a key is not text"),
        (b"- id: a\n  *b : x\n", 2, 3, Code.REFERENCE, "an alias (*) is not allowed"),
    ],
    ids=[
        "open-quote",
        "two-colons",
        "tab",
        "alias",
        "anchor",
        "tag",
        "conflict",
        "two-documents",
        "latin-1",
        "not-utf-8",
        "control-character",
        "escape-character",
        "too-deep",
        "mapping",
        "text",
        "null",
        "byte-order-mark",
        "list-as-key",
        "mapping-as-key",
        "null-as-key",
        "number-as-key",
        "alias-as-key",
    ],
)
def test_broken_file_is_one_problem_at_its_place(read, content, line, column, code, message):
    document = read(content)
    assert places(document) == [(line, column, code)]
    assert message in document.problems[0].message
    assert document.data == []
    assert document.is_broken


@pytest.mark.usefixtures("loader")
def test_aliases_are_refused_before_they_are_expanded(read):
    text = "- &a [x, x, x, x, x, x, x, x, x]\n"
    text += "".join(f"- &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in pairwise("abcdefghijklmnop"))
    document = read(text)
    assert document.data == []
    assert {problem.code for problem in document.problems} == {Code.REFERENCE}
    assert [places(read("- &me [*me]\n"))[i] for i in (0, 1)] == [(1, 3, Code.REFERENCE), (1, 8, Code.REFERENCE)]


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize(
    "text", ["R&D", "a & b", "x *y* z", "wow!", "a &b", "'&a'", "'*a'", '"!a"', ">-\n    &a *b !c"]
)
def test_signs_of_references_may_stand_in_text(read, text):
    document = read(f"- id: {text}\n")
    assert not document.problems
    assert document.data[0]["id"]


def test_file_with_a_repeated_key_is_not_broken(read):
    assert not read("- {a: 1, a: 2}").is_broken


def test_file_that_cannot_be_read_is_an_error_with_its_name(tmp_path):
    with pytest.raises(DataFolderError, match=r"papers\.yaml: cannot be read \(No such file or directory\)"):
        read_document(tmp_path / "papers.yaml")


def test_entries_are_only_the_mappings_with_their_position(read):
    assert read("- text\n- {id: a}\n- ~\n- {id: b}\n").entries() == [(1, {"id": "a"}), (3, {"id": "b"})]


# What is replaced in the invented papers, by what, and the field and code of the only problem. "HERE" stands in the
# line that the problem must point at.
MISTAKES = {
    "unknown-field": ("venue:", "colour: blue  # HERE\n  venue:", "colour", Code.UNKNOWN_FIELD),
    "missing-field": (
        "- id: grebe-2021-echo\n  title: Echo Heads in Small Ponds\n",
        "- id: grebe-2021-echo  # HERE\n",
        "title",
        Code.MISSING_FIELD,
    ),
    "missing-inner-field": (
        "    innovation: Names echo heads.\n    tasks: Looks at three ponds.",
        "    tasks: Looks at three ponds.  # HERE",
        "summary.innovation",
        Code.MISSING_FIELD,
    ),
    "empty-field": ("title: Echo Heads in Small Ponds", "title:  # HERE", "title", Code.BAD_VALUE),
    "unquoted-arxiv-id": ("'2105.00010'", "2105.00010  # HERE", "arxiv_id", Code.UNQUOTED),
    "bad-arxiv-id": ("'2105.00010'", "'2105.00010v2'  # HERE", "arxiv_id", Code.BAD_VALUE),
    "month-13": ("'2021-05-04'", "'2021-13'  # HERE", "date", Code.BAD_VALUE),
    "day-that-is-not": ("'2021-05-04'", "'2021-02-30'  # HERE", "date", Code.BAD_VALUE),
    "bad-link": ("paper: https://example.org/echo", "paper: echo  # HERE", "links.paper", Code.BAD_VALUE),
    "no-list": ("head_types: [echo]", "head_types: echo  # HERE", "head_types", Code.BAD_VALUE),
    "bad-item": (
        "authors: [Ada Grebe, Bo Heron]",
        "authors:\n    - Ada\n    - ''  # HERE",
        "authors.1",
        Code.BAD_VALUE,
    ),
    "head-twice": ("[L1H2, L3H0]", "[L1H2, L1H2]  # HERE", "claims.0.heads", Code.BAD_VALUE),
    "score-count": (
        "heads: [L1H2, L3H0]",
        "heads: [L1H2, L3H0, L3H1]  # HERE",
        "claims.0.heads",
        Code.BAD_VALUE,
    ),
    "not-a-head": ("[L1H2, L3H0]", "[L1H2,\n        H3L0]  # HERE", "claims.0.heads.1", Code.BAD_VALUE),
    "not-a-score": ("-0.25]", "\n        high]  # HERE", "claims.0.scores.1", Code.BAD_VALUE),
    "heads-claim-bad-model": ("model: invented/pond-1", "model: ''  # HERE", "claims.0.model", Code.BAD_VALUE),
    "heads-claim-bad-evidence": ("evidence: primary", "evidence: hearsay  # HERE", "claims.0.evidence", Code.BAD_VALUE),
    "heads-claim-unknown-field": (
        "measure: echo score",
        "measure: echo score\n      layer: 1  # HERE",
        "claims.0.layer",
        Code.UNKNOWN_FIELD,
    ),
    "heads-claim-without-model": (
        "- id: named-heads\n      statement: Two heads echo.\n      form: heads\n"
        "      head_type: echo\n      model: invented/pond-1\n",
        "- id: named-heads  # HERE\n      statement: Two heads echo.\n      form: heads\n      head_type: echo\n",
        "claims.0.model",
        Code.MISSING_FIELD,
    ),
    "heads-claim-without-heads": (
        "- id: named-heads\n      statement: Two heads echo.\n      form: heads\n"
        "      head_type: echo\n      model: invented/pond-1\n      heads: [L1H2, L3H0]\n",
        "- id: named-heads  # HERE\n      statement: Two heads echo.\n      form: heads\n"
        "      head_type: echo\n      model: invented/pond-1\n",
        "claims.0.heads",
        Code.MISSING_FIELD,
    ),
    "share-claim-bad-share": (
        "at_most: 0.1\n    - id: n",
        "at_most: 10%  # HERE\n    - id: n",
        "claims.1.at_most",
        Code.BAD_VALUE,
    ),
    "share-claim-upside-down": (
        "- id: few\n      statement: Echo heads are few.\n      form: share\n",
        "- id: few  # HERE\n      statement: Echo heads are few.\n      form: share\n      at_least: 0.5\n",
        "claims.1",
        Code.BAD_VALUE,
    ),
    "effect-claim-bad-direction": ("falls", "sinks  # HERE", "claims.2.direction", Code.BAD_VALUE),
    "effect-claim-size-without-unit": (
        "- id: needed\n      statement: Without echo heads the pond is silent.\n      form: effect\n"
        "      head_type: echo\n      metric: loudness\n      direction: falls\n      at_least: 0.5\n"
        "      unit: nats\n",
        "- id: needed  # HERE\n      statement: Without echo heads the pond is silent.\n      form: effect\n"
        "      head_type: echo\n      metric: loudness\n      direction: falls\n      at_least: 0.5\n",
        "claims.2",
        Code.BAD_VALUE,
    ),
    "untestable-claim-field-of-another-form": (
        "reason: a matter of taste",
        "reason: a matter of taste\n      heads: [L0H0]  # HERE",
        "claims.3.heads",
        Code.UNKNOWN_FIELD,
    ),
    "claim-of-unknown-form": ("form: effect", "form: guess  # HERE", "claims.2.form", Code.BAD_VALUE),
    "claim-without-form": (
        "- id: beauty\n      statement: Echoes are pretty.\n      form: untestable\n",
        "- id: beauty  # HERE\n      statement: Echoes are pretty.\n",
        "claims.3.form",
        Code.MISSING_FIELD,
    ),
    "claim-that-is-text": ("- id: few\n", "- a claim  # HERE\n    - id: few\n", "claims.1", Code.BAD_VALUE),
    "entry-that-is-text": ("- id: teal-", "- a paper  # HERE\n\n- id: teal-", "entry", Code.BAD_VALUE),
    "entry-that-is-empty": ("- id: teal-", "- # HERE\n\n- id: teal-", "entry", Code.BAD_VALUE),
}


@pytest.mark.parametrize(("old", "new", "field", "code"), MISTAKES.values(), ids=MISTAKES)
def test_mistake_in_a_field_is_reported_in_its_line(read, old, new, field, code):
    assert old in POND
    text = POND.replace(old, new, 1)
    document = read(text)
    records = list(validate_entries(document, Paper))
    line = next(number for number, line in enumerate(text.splitlines(), 1) if "HERE" in line)
    assert [(problem.line, problem.code) for problem in document.problems] == [(line, code)]
    assert re.search(rf"(^|'){re.escape(field)}[:']", document.problems[0].message)
    assert len(records) == (2 if field == "entry" else 1)


def test_right_entries_are_records_in_order(read):
    document = read(POND)
    assert [paper.id for paper in validate_entries(document, Paper)] == ["grebe-2021-echo", "teal-2023-ripple"]
    assert not document.problems


def test_bad_value_is_pointed_at_and_a_wrong_field_at_its_key(read):
    document = read(POND.replace("title: Echo", "colour: blue\n  title: Echo").replace("2021-05-04", "2021-13"))
    list(validate_entries(document, Paper))
    columns = {problem.code: problem.column for problem in document.problems}
    assert columns == {Code.UNKNOWN_FIELD: len("  c"), Code.BAD_VALUE: len("  date: '")}


def test_several_mistakes_in_one_entry_are_all_reported(read):
    document = read("- {id: A, title: '', arxiv_id: 2105.1, colour: blue}")
    list(validate_entries(document, Paper))
    reported = {problem.message.split(":")[0] for problem in document.problems}
    assert {"id", "title", "arxiv_id", "unknown field 'colour'", "field 'claims' is missing"} <= reported


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
values = st.recursive(
    texts | st.none() | st.sampled_from(["no", "1.10", "2022-03-08", "~", "=", "<<", "0x1F", ".inf", "&a", "- b"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("name", LOADERS)
@settings(deadline=None, max_examples=50)
@given(data=st.lists(values, max_size=4))
def test_dumped_text_is_read_back_as_it_was(name, scratch, data):
    scratch.write_text(yaml.safe_dump(data), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "Loader", LOADERS[name])
        document = read_document(scratch)
    assert document.data == data
    assert not document.problems


yaml_like = st.text(st.sampled_from("-?:,[]{}#&*!|>'\"%@`~= \n\t\rab01.\x00\x85\u2028é\ufeff"), max_size=40)
paper_like = st.lists(
    st.sampled_from(
        ["- id: a\n", "  title: b\n", "  claims:\n", "    - form: heads\n", "      heads: [L0H0]\n", "  - c\n"]
    ),
    max_size=8,
).map("".join)


@pytest.mark.parametrize("name", LOADERS)
@settings(deadline=None)
@given(content=(yaml_like | paper_like).map(str.encode) | texts.map(str.encode) | st.binary(max_size=20))
def test_no_content_breaks_the_reader_and_every_problem_has_a_place(name, scratch, content):
    scratch.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "Loader", LOADERS[name])
        document = read_document(scratch)
    list(validate_entries(document, Paper))
    problems = [*document.problems, *check_documents(document, document)]
    assert all(problem.line >= 1 and problem.column >= 1 for problem in problems)
    assert all(len(str(problem).splitlines()) == 1 for problem in problems)
