import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from catalog.arxiv.drafts import CLAIM_ID, PLACEHOLDER, check_drafts, find_placeholders, make_paper_id
from catalog.documents import parse_document, read_document
from catalog.errors import Code
from catalog.ids import LONGEST_ID, PaperId


@pytest.mark.parametrize(
    ("author", "title", "paper_id"),
    [
        ("Catherine Olsson", "In-context Learning and Induction Heads", "olsson-2024-context"),
        ("Ekin Akyürek", "The Echo", "akyurek-2024-echo"),
        ("Søren Ægir Łoś", "On Ponds", "los-2024-ponds"),
        ("Francesco D'Angelo", "Ponds", "dangelo-2024-ponds"),
        ("Jorge García-Carrasco", "How does GPT-2 Predict?", "garcia-carrasco-2024-gpt"),
        ("Ludwig van der Berg", "BERT's Attention", "berg-2024-berts"),
        ("Cy Teal Jr.", "What Do Attention Heads Do?", "teal-2024-what"),
        ("Wu", "Attention Is All You Need", "wu-2024-need"),
        ("王小明", "注意力", "unknown-2024-paper"),
        ("Bo Heron 3rd", "2 + 2 = 4", "heron-2024-2"),
    ],
    ids=str,
)
def test_id_has_surname_year_and_a_telling_word(author, title, paper_id):
    assert make_paper_id(author, 2024, title, ()) == paper_id


def test_id_that_is_taken_goes_on_to_the_next_word_and_then_counts():
    taken = []
    for _ in range(5):
        taken.append(make_paper_id("Ada Grebe", 2024, "Echoes of the Pond", taken))
    assert taken == [
        *("grebe-2024-echoes", "grebe-2024-pond"),
        *("grebe-2024-echoes-2", "grebe-2024-echoes-3", "grebe-2024-echoes-4"),
    ]


@given(st.text(min_size=1), st.integers(1991, 2099), st.text())
def test_id_made_from_any_name_and_title_is_one(author, year, title):
    TypeAdapter(PaperId).validate_python(make_paper_id(author, year, title, ()))


def test_id_of_a_long_word_and_a_long_surname_is_cut_and_still_unique():
    taken = []
    for _ in range(3):
        taken.append(make_paper_id(f"Ada {'Gre-' * 20}be", 2024, "e" * 299, taken))
        TypeAdapter(PaperId).validate_python(taken[-1])
    assert len(set(taken)) == 3
    assert max(map(len, taken)) <= LONGEST_ID


def test_drafts_of_several_processes_all_join_the_catalogue(run_together, tmp_path):
    script = """
from datetime import date
from catalog.arxiv.drafts import insert_drafts
from catalog.arxiv.records import ArxivRecord
from catalog.canonical import formatting

insert_papers = formatting.insert_papers
formatting.insert_papers = lambda *both: (time.sleep(0.1), insert_papers(*both))[1]
day = date(2024, 5, 6)
number = sys.argv[2]
record = ArxivRecord(f"2405.0000{number}", 1, f"Pond {number}", ["Ada Grebe"], day, day, None, None, None)
ready()
insert_drafts(pathlib.Path(sys.argv[4]), [record], day)
"""
    papers = tmp_path / "papers.yaml"
    papers.write_text("# No paper yet.\n")
    run_together(script, *[papers] * 4)
    entries = [entry for _, entry in read_document(papers).entries()]
    assert sorted(entry["arxiv_id"] for entry in entries) == [f"2405.0000{number}" for number in range(4)]
    assert len({entry["id"] for entry in entries}) == 4


def test_placeholders_are_found_wherever_they_stand():
    entry = {"a": f"{PLACEHOLDER} this", "b": [{"c": "done"}, {"id": CLAIM_ID}], "d": f"not {PLACEHOLDER}", "e": None}
    assert list(find_placeholders(entry)) == [("a",), ("b", 1, "id")]


def test_check_names_field_line_and_way_out():
    text = f"- id: a\n- id: b\n  summary:\n    result: '{PLACEHOLDER} what came out.'\n"
    (problem,) = check_drafts(parse_document(text, "papers.yaml"))
    assert (problem.line, problem.code) == (4, Code.TO_BE_WRITTEN)
    assert "'summary.result' is still to be written (write it" in str(problem)
