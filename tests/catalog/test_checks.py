from datetime import date
from pathlib import Path

import pytest

from catalog.checks import check_documents, check_future, month_of_arxiv_id
from catalog.documents import parse_document, read_document
from catalog.errors import Code

POND = Path(__file__).parents[1] / "fixtures" / "pond"
FILES = {name: (POND / name).read_text(encoding="utf-8") for name in ("papers.yaml", "head_types.yaml")}


@pytest.fixture
def check(tmp_path):
    """Function that puts texts in place of the invented files and checks them against each other."""

    def check(**changed):
        documents = []
        for name in FILES:
            path = tmp_path / name
            path.write_text(changed.get(path.stem, FILES[name]), encoding="utf-8")
            documents.append(read_document(path))
        return [(Path(problem.file).name, problem) for problem in sorted(check_documents(*documents))]

    return check


# File, what is replaced in it and by what, then code and message of the only problem, which must point at "HERE".
MISTAKES = {
    "paper-id-twice": (
        "papers.yaml",
        ("- id: teal-2023", "- id: grebe-2021-echo  # HERE\n\n- id: teal-2023"),
        Code.DUPLICATE_ID,
        "id 'grebe-2021-echo' is taken (line 3)",
    ),
    "head-type-id-twice": (
        "head_types.yaml",
        ("- id: far_echo", "- id: echo  # HERE"),
        Code.DUPLICATE_ID,
        "id 'echo' is taken (line 3)",
    ),
    "claim-id-twice-in-a-paper": (
        "papers.yaml",
        ("- id: needed", "- id: few  # HERE"),
        Code.DUPLICATE_ID,
        "claim id 'few' is taken",
    ),
    "alias-of-two-types": (
        "head_types.yaml",
        ("  broader: [echo]", "  broader: [echo]\n  aliases:\n    - Old head\n    - mirror HEAD  # HERE"),
        Code.SHARED_NAME,
        "name 'mirror head' is taken (line 5)",
    ),
    "name-that-is-an-alias": (
        "head_types.yaml",
        ("name: Ripple head", "name: Mirror head  # HERE"),
        Code.SHARED_NAME,
        "name 'mirror head' is taken (line 5)",
    ),
    "unknown-head-type-of-a-paper": (
        "papers.yaml",
        ("head_types: [ripple, echo]", "head_types:\n    - ripple\n    - ecko  # HERE"),
        Code.UNKNOWN_HEAD_TYPE,
        "unknown head type 'ecko': did you mean echo, far_echo?",
    ),
    "unknown-head-type-of-a-claim": (
        "papers.yaml",
        ("head_type: echo\n      metric", "head_type: ribble  # HERE\n      metric"),
        Code.UNKNOWN_HEAD_TYPE,
        "unknown head type 'ribble': did you mean ripple?",
    ),
    "unknown-broader-type": (
        "head_types.yaml",
        ("broader: [echo]", "broader: [sound]  # HERE"),
        Code.UNKNOWN_HEAD_TYPE,
        "unknown head type 'sound'",
    ),
    "unknown-paper-to-read-first": (
        "head_types.yaml",
        ("read_first: teal-2023-ripple", "read_first: teal-2023-riddle  # HERE"),
        Code.UNKNOWN_PAPER,
        "unknown paper 'teal-2023-riddle': did you mean teal-2023-ripple",
    ),
    "superseded-by-an-unknown-paper": (
        "papers.yaml",
        ("  added: '2026-11-22'", "  added: '2026-11-22'\n  superseded_by: teal-2023-riddle  # HERE"),
        Code.UNKNOWN_PAPER,
        "unknown paper 'teal-2023-riddle': did you mean teal-2023-ripple",
    ),
    "superseded-by-itself": (
        "papers.yaml",
        ("  added: '2026-11-22'", "  added: '2026-11-22'\n  superseded_by: grebe-2021-echo  # HERE"),
        Code.SUPERSEDED_IN_A_CIRCLE,
        "is superseded by itself: grebe-2021-echo → grebe-2021-echo",
    ),
    "superseded-by-an-older-paper": (
        "papers.yaml",
        ("    reviewed_by: Di Coot\n", "    reviewed_by: Di Coot\n  superseded_by: grebe-2021-echo  # HERE\n"),
        Code.SUPERSEDED_BY_OLDER,
        "'grebe-2021-echo' of 2021-05-04 is older than this paper of 2023-02",
    ),
    "head-type-below-itself": (
        "head_types.yaml",
        ("  read_first: teal-2023-ripple", "  broader: [far_echo]  # HERE"),
        Code.BROADER_IN_A_CIRCLE,
        "is below itself: echo → far_echo → echo",
    ),
    "arxiv-id-twice": (
        "papers.yaml",
        (
            "date_basis: month of the arXiv id\n  arxiv_id: '2302.00002'",
            "date_basis: publication page\n  arxiv_id: '2105.00010'  # HERE",
        ),
        Code.SHARED_ARXIV_ID,
        "arXiv id '2105.00010' is that of another paper (line 8)",
    ),
    "title-twice": (
        "papers.yaml",
        ("title: '[Re] Ripples :smile: [/bold]'", "title: echo heads – in small PÖNDS!  # HERE"),
        Code.SHARED_TITLE,
        "title 'echo heads – in small PÖNDS!' is that of another paper (line 4)",
    ),
    "submission-after-the-arxiv-id": (
        "papers.yaml",
        ("date: '2021-05-04'", "date: '2021-06-01'  # HERE"),
        Code.DATE_AGAINST_ARXIV_ID,
        "date 2021-06-01 does not fit the arXiv id, which is of 2021-05",
    ),
    "submission-long-before-the-arxiv-id": (
        "papers.yaml",
        ("date: '2021-05-04'", "date: '2021-03-31'  # HERE"),
        Code.DATE_AGAINST_ARXIV_ID,
        "date 2021-03-31 does not fit the arXiv id, which is of 2021-05",
    ),
    "month-that-is-not-that-of-the-arxiv-id": (
        "papers.yaml",
        ("date: '2023-02'", "date: '2023-01'  # HERE"),
        Code.DATE_AGAINST_ARXIV_ID,
        "date 2023-01 does not fit the arXiv id, which is of 2023-02",
    ),
}


@pytest.mark.parametrize(("file", "change", "code", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistake_between_entries_is_reported_in_its_line(check, file, change, code, message):
    assert change[0] in FILES[file]
    text = FILES[file].replace(*change, 1)
    [(name, problem)] = check(**{Path(file).stem: text})
    line = next(number for number, line in enumerate(text.splitlines(), 1) if "HERE" in line)
    assert (name, problem.line, problem.code) == (file, line, code)
    assert message in problem.message


def test_right_files_have_no_problems_and_papers_may_share_a_claim_id(check):
    assert FILES["papers.yaml"].count("- id: few") == 2
    assert check() == []


def test_third_use_of_an_id_points_at_the_first(check):
    text = "- id: a\n- id: a\n- id: a\n"
    problems = [problem for _, problem in check(head_types=text) if problem.code is Code.DUPLICATE_ID]
    assert [problem.line for problem in problems] == [2, 3]
    assert all("(line 1)" in problem.message for problem in problems)


def test_field_that_is_wrong_otherwise_does_not_hide_an_unknown_head_type(check):
    text = FILES["papers.yaml"].replace("title: Echo Heads in Small Ponds", "title: ''", 1)
    text = text.replace("head_types: [echo]", "head_types: [ecko]", 1)
    assert [problem.code for _, problem in check(papers=text)] == [Code.UNKNOWN_HEAD_TYPE]


@pytest.mark.parametrize("stem", ["papers", "head_types"])
@pytest.mark.parametrize("text", ["- id: 'open", "id: echo"], ids=["syntax", "not-a-list"])
def test_file_that_cannot_be_parsed_causes_no_false_alarm_in_the_other(check, stem, text):
    assert check(**{stem: text}) == []


def test_file_without_entries_knows_nothing(check):
    codes = {problem.code for _, problem in check(head_types="")}
    assert codes == {Code.UNKNOWN_HEAD_TYPE}


@pytest.mark.parametrize(
    "text",
    ["- text", "-", "- {id: [a], head_types: x, claims: y}", "- {id: a, claims: [text, {id: [a], head_type: [b]}]}"],
    ids=["text", "empty", "wrong-kinds", "wrong-kinds-in-claims"],
)
def test_entry_of_the_wrong_kind_is_left_to_the_models(check, text):
    assert check(papers=text, head_types="") == []


def change(text, *changes):
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text


@pytest.mark.parametrize(
    "date", ["2021-05-31", "2021-04-30", "2021-04", "2021"], ids=["month", "month-before", "no-day", "no-month"]
)
def test_submission_in_the_month_of_the_arxiv_id_or_the_one_before_fits(check, date):
    assert check(papers=change(FILES["papers.yaml"], ("date: '2021-05-04'", f"date: '{date}'"))) == []


@pytest.mark.parametrize("basis", ["publication page", "as a public paper list prints it"])
def test_date_that_stands_for_something_else_may_lie_anywhere(check, basis):
    changes = ("date: '2021-05-04'", "date: '2022-12-01'"), ("date_basis: submission", f"date_basis: {basis}")
    assert check(papers=change(FILES["papers.yaml"], *changes)) == []


@pytest.mark.parametrize(
    ("arxiv_id", "month"),
    [
        ("2404.15574", "2024-04"),
        ("0704.0001", "2007-04"),
        ("cs/0112017", "2001-12"),
        ("hep-th/9901001", "1999-01"),
        ("math.GT/0309136", "2003-09"),
        ("9912.00001", "2099-12"),
        ("2413.00001", None),
        ("12", None),
        (None, None),
        (["2404.15574"], None),
    ],
)
def test_month_of_an_arxiv_id(arxiv_id, month):
    assert month_of_arxiv_id(arxiv_id) == month


TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    "entry",
    [
        "date: '2026-11-22'",
        "date: '2026-11'",
        "date: '2026'",
        "added: '2026-11-22'",
        "arxiv_id: '2611.00001'",
        "date: soon",
        "date: [2027]",
        "arxiv_id: unknown",
    ],
)
def test_day_up_to_today_and_what_is_no_day_are_not_in_the_future(entry):
    assert list(check_future([parse_document(f"- {entry}\n", "papers.yaml")], TODAY)) == []


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ("date: '2026-11-23'", "date"),
        ("date: '2026-12'", "date"),
        ("date: '2027'", "date"),
        ("added: '2026-11-23'", "added"),
        ("arxiv_id: '2612.00001'", "arxiv_id"),
        ("{arxiv_id: '9912.00001', date: 2099-12}", "arxiv_id"),
    ],
)
def test_day_after_today_is_refused_in_every_file(entry, field):
    documents = [parse_document("- id: a\n", "papers.yaml"), parse_document(f"- {entry}\n", "left_out.yaml")]
    [problem] = check_future(documents, TODAY)
    assert (problem.file, problem.code) == ("left_out.yaml", Code.IN_THE_FUTURE)
    assert problem.message.startswith(f"{field} '")
    assert problem.message.endswith("lies in the future; today is 2026-11-22 in UTC")


def test_paper_may_be_superseded_by_one_that_could_be_of_the_same_day(check):
    text = "- {id: a, date: '2024-05-06', superseded_by: b}\n- {id: b, date: '2024-05'}\n"
    assert check(papers=text, head_types="") == []


def test_every_circle_is_reported_once(check):
    text = "".join(
        f"- {{id: {name}, superseded_by: {next_one}}}\n" for name, next_one in ("ab", "bc", "ca", "db", "ef", "fe")
    )
    found = [problem for _, problem in check(papers=text, head_types="") if problem.code is Code.SUPERSEDED_IN_A_CIRCLE]
    assert [sorted(set(problem.message.partition(": ")[2].split(" → "))) for problem in found] == [
        ["a", "b", "c"],
        ["e", "f"],
    ]


def test_long_chain_of_superseded_papers_is_no_circle(check):
    text = "".join(f"- {{id: p{number}, superseded_by: p{number + 1}}}\n" for number in range(3000)) + "- id: p3000\n"
    assert check(papers=text, head_types="") == []
