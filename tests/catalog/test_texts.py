import pytest

from catalog.models import Summary
from catalog.texts import authorship, excerpt, one_line


@pytest.mark.parametrize(
    ("text", "line"),
    [(" a \n\t b\r\n", "a b"), ("a\u2028b\x00\x1b[31m", "a b [31m"), ("a\u202eb", "a b"), ("", ""), ("\n", "")],
)
def test_one_line_holds_nothing_that_steers(text, line):
    assert one_line(text) == line


@pytest.mark.parametrize(("length", "end"), [(79, "x"), (80, "x"), (81, "…")])
def test_excerpt_ends_where_it_must(length, end):
    cut = excerpt("x" * length)
    assert (len(cut), cut[-1]) == (min(length, 80), end)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "This summary was written by a language model and has not yet been reviewed by a person."),
        (
            {"written_by": "person"},
            "This summary was written by a person and has not yet been reviewed by a second person.",
        ),
        ({"reviewed_by": "Bo"}, "This summary was written by a language model and checked against the paper by Bo."),
    ],
    ids=["model", "person", "checked"],
)
def test_authorship_says_who_wrote_and_who_checked(changes, sentence):
    values = {"innovation": "A.", "tasks": "B.", "result": "C.", "written_by": "language model"}
    assert authorship(Summary.model_validate(values | changes)) == sentence
