import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.exporters import _csv, csv_table
from catalog.registry import Registry
from catalog.texts import one_line


def unguard(cell):
    """Text of a cell as it was: without the apostrophe that stands before what a spreadsheet may run."""
    return cell[1:] if re.match(r"'+[=+\-@＝＋－＠]", cell) else cell


def rows(registry):
    return list(csv.DictReader(io.StringIO(csv_table.export(registry), newline="")))


def test_every_cell_comes_back_as_it_was(catalogue):
    papers = catalogue.papers
    table = rows(Registry(papers, {}))
    assert len(table) == len(papers)
    for row, paper in zip(table, papers.values(), strict=True):
        cells = {name: unguard(cell) for name, cell in row.items()}
        assert cells == {name: one_line(value(paper)) for name, value in csv_table.COLUMNS.items()}
        assert cells["authors"].split(csv_table.SEPARATOR) == paper.authors


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r\n=1", "'=1", "''=1", "＝1", '=HYPERLINK("x")', "\x00=1"]
)
def test_formula_is_defused_and_can_be_told_from_text(make_paper, text):
    paper = make_paper(title=text)
    (row,) = rows(Registry({paper.id: paper}, {}))
    assert row["title"].startswith("'")
    assert unguard(row["title"]) == one_line(text)


@pytest.mark.parametrize("text", ["plain", "'quoted'", "a=b", "1-2", 'say "x", y'])
def test_other_text_is_left_alone(text):
    assert _csv.guard(text) == unguard(text) == text


@given(st.text() | st.text(alphabet="'=+-@ a\t\r"))
def test_guard_can_always_be_undone(text):
    guarded = _csv.guard(text)
    assert unguard(guarded) == one_line(text)
    assert guarded[:1] not in set("=+-@＝＋－＠")


def test_arxiv_id_cannot_be_taken_for_a_number(make_paper):
    paper = make_paper(arxiv_id="2209.11890")
    assert rows(Registry({paper.id: paper}, {}))[0]["arxiv"] == "arXiv:2209.11890"


def test_every_row_is_one_line(world):
    assert csv_table.export(world).count("\r\n") == 1 + len(world.papers)
