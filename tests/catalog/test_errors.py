import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import Code, DataFolderError, InvalidDataError, Problem, UnknownIdError, unknown_name_message

KNOWN = ["olsson-2022-induction", "wang-2022-ioi", "zheng-2024-survey", "xiao-2024-duoattention"]


def make_problem(file="a.yaml", line=1, column=1, message="is wrong"):
    return Problem(file, line, column, Code.BAD_VALUE, message, "mend it")


def test_problem_gives_place_code_message_and_mend():
    assert str(make_problem("data/papers.yaml", 7, 3)) == "data/papers.yaml:7:3: HA103 is wrong (mend it)"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\x0b", "\u2028"], ids=repr)
def test_problem_stays_one_line_whatever_was_in_the_file(newline):
    assert str(make_problem(message=f"one{newline}two")) == "a.yaml:1:1: HA103 one two (mend it)"


def test_invalid_data_lists_every_problem_in_order_of_place():
    problems = [make_problem("b.yaml"), make_problem(line=10), make_problem(line=9, column=2), make_problem(line=9)]
    error = InvalidDataError(iter(problems))
    assert error.problems == problems[::-1]
    assert str(error).splitlines() == [str(problem) for problem in problems[::-1]]


def test_codes_are_all_different():
    assert len({code.value for code in Code}) == len(Code.__members__)


@pytest.mark.parametrize(
    ("error", "builtin", "exit_code"),
    [
        (InvalidDataError([]), ValueError, 1),
        (UnknownIdError("paper", "x", []), KeyError, 2),
        (DataFolderError("x", "is missing"), FileNotFoundError, 2),
    ],
    ids=["invalid-data", "unknown-id", "data-folder"],
)
def test_error_is_of_the_builtin_kind_that_a_caller_expects(error, builtin, exit_code):
    assert isinstance(error, builtin)
    assert error.exit_code == exit_code


def test_unknown_id_reads_as_a_sentence():
    error = UnknownIdError("paper", "wang-2022", KNOWN)
    assert str(error) == "unknown paper 'wang-2022': did you mean wang-2022-ioi, olsson-2022-induction?"
    assert (error.kind, error.wanted) == ("paper", "wang-2022")


@pytest.mark.parametrize(
    ("wanted", "near"),
    [
        ("olson-2022-induction", "olsson-2022-induction"),
        ("INDUCTION", "olsson-2022-induction"),
        ("survay", "zheng-2024-survey"),
        ("duo_attention", "xiao-2024-duoattention"),
    ],
)
def test_near_name_comes_first_even_if_only_a_part_is_near(wanted, near):
    assert f"did you mean {near}" in unknown_name_message("paper", wanted, KNOWN)


MANY = [f"name-{number:02}" for number in range(20)]


@pytest.mark.parametrize(
    ("kind", "wanted", "known", "message"),
    [
        ("thing", "?", ["b", "a"], "unknown thing '?': nothing is spelled like it; there are a, b"),
        ("thing", "?", ["a"], "unknown thing '?': nothing is spelled like it; there is only a"),
        ("paper", "?", MANY, "unknown paper '?': nothing is spelled like it; headatlas paper list lists all 20"),
        ("thing", "?", MANY, "unknown thing '?': nothing is spelled like it; there are 20, from name-00 to name-19"),
        ("model", "", MANY, "unknown model '': the name is empty; headatlas paper claims lists all 20"),
        ("model", " ", ["a--b", "a-"], "unknown model ' ': the name is empty; there are a-, a--b"),
    ],
)
def test_name_like_no_other_gets_no_guess_but_all_names_or_where_they_are(kind, wanted, known, message):
    assert unknown_name_message(kind, wanted, known) == message


def test_nothing_known_is_said():
    assert unknown_name_message("paper", "x", []) == "unknown paper 'x': there is no paper at all"


@given(st.text(), st.text(), st.lists(st.text(), max_size=8))
def test_unknown_name_message_never_fails(kind, wanted, known):
    assert unknown_name_message(kind, wanted, iter(known)).startswith(f"unknown {kind} '{wanted}': ")
