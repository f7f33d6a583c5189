import random

import pytest

from catalog.documents import parse_document
from catalog.duplicates import normal_title, same_papers, similar_titles
from catalog.errors import Code, Severity


def papers(*entries):
    """Document with an entry for each mapping of fields."""
    lines = [
        f"- id: p{number}\n" + "".join(f"  {k}: '{v}'\n" for k, v in entry.items())
        for number, entry in enumerate(entries)
    ]
    return parse_document("".join(lines), "papers.yaml")


def titles(*names):
    return papers(*({"title": name} for name in names))


@pytest.mark.parametrize(
    ("title", "normal"),
    [
        ("Heads: What—Do They_Do?", "heads what do they do"),
        ("  BERT’s  Köpfe ", "bert s kopfe"),
        ("ﬁne STRASSE straße", "fine strasse strasse"),
        ("?!", ""),
        ("注意力头", "注意力头"),
    ],
)
def test_normal_title_has_words_alone(title, normal):
    assert normal_title(title) == normal


@pytest.mark.parametrize(
    ("field", "first", "second", "code"),
    [
        ("arxiv_id", "2404.15574", "2404.15574", Code.SHARED_ARXIV_ID),
        ("doi", "10.1/AB", "https://doi.org/10.1/ab", Code.SHARED_DOI),
        ("title", "Echo Heads", "echo-heads.", Code.SHARED_TITLE),
    ],
)
def test_same_paper_is_reported_at_the_second_entry_unless_it_is_superseded(field, first, second, code):
    [problem] = same_papers(papers({field: first}, {field: second}))
    assert (problem.code, problem.line) == (code, 4)
    assert "(line 2)" in problem.message
    assert list(same_papers(papers({field: first, "superseded_by": "p1"}, {field: second}))) == []


def test_titles_without_words_are_not_the_same():
    assert list(same_papers(titles("?", "!"))) == []


def test_paper_is_either_catalogued_or_left_out():
    left_out = parse_document("- {title: x, arxiv_id: '1'}\n- {title: y, arxiv_id: '2'}\n", "left_out.yaml")
    [problem] = same_papers(papers({"arxiv_id": "2"}), left_out)
    assert (problem.file, problem.line, problem.code) == ("left_out.yaml", 2, Code.SHARED_ARXIV_ID)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Retrieval Heads Explain Long Context Factuality", "Retrieval Head Explains Long-Context Factuality"),
        ("On the Emergence of Induction Heads", "On the Emergance of Induction Heads"),
        ("Echo Heads in Ponds: A First Look", "Echo Heads in Ponds: Evidence From Many Lakes and Rivers"),
        ("Echo Heads in Ponds", "Echo Heads in Ponds: A First Look"),
    ],
    ids=["plural", "slip", "other-subtitle", "subtitle"],
)
def test_titles_much_alike_are_a_warning(first, second):
    [problem] = similar_titles(titles("Something Else Entirely", first, second))
    assert (problem.code, problem.line) == (Code.SIMILAR_TITLE, 6)
    assert problem.code.severity is Severity.WARNING
    assert first in problem.message


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Echo Heads in Ponds", "echo heads in ponds"),  # an error already
        ("Retrieval heads in language models", "Induction heads in language models"),
        ("Echo: A First Look", "Echo: Evidence From Lakes"),
        ("Fixed Encoder Self-Attention Patterns", "An Analysis of Encoder Representations"),
    ],
    ids=["same", "other-subject", "short-start", "unlike"],
)
def test_other_titles_are_not(first, second):
    assert list(similar_titles(titles(first, second))) == []


def test_pair_with_a_slip_is_found_among_many():
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghij", k=6)) for _ in range(300)]
    many = [" ".join(draw.choices(words, k=8)) for _ in range(400)]
    slip = many[7][:10] + "z" + many[7][11:]
    [problem] = similar_titles(titles(*many, slip))
    assert many[7] in problem.message
