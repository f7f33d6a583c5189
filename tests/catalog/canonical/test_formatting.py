import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.canonical.formatting import dump_entry, format_text, insert_paper, replace_paper
from catalog.canonical.layout import PAPERS, STYLES, styled_files
from catalog.canonical.style import WIDTH, canonical, write_entry
from catalog.documents import parse_document
from catalog.errors import Code, InvalidDataError, UnknownIdError
from catalog.ids import Unquoted
from catalog.models import Paper

ROOT = Path(__file__).parents[3]
POND = (ROOT / "tests" / "fixtures" / "pond" / "papers.yaml").read_text(encoding="utf-8")
HEAD_TYPES = STYLES["head_types.yaml"]


def form(text, style=PAPERS):
    written = format_text(text, style, style.file)
    assert format_text(written, style, style.file) == written
    return written


def entry(paper_id, date, *lines):
    return f"- id: {paper_id}\n  date: '{date}'\n" + "".join(f"  {line}\n" for line in lines)


# Form of single entries


def test_dumped_paper_reads_back_as_itself(make_paper, hostile):
    for paper in (make_paper(), make_paper(title=hostile, authors=[hostile, "No"], date="2021", arxiv_id=None)):
        [entry] = yaml.safe_load(dump_entry(paper))
        assert Paper.model_validate(entry) == paper


def test_dumped_paper_is_in_the_style_of_the_data_files(make_paper):
    text = dump_entry(
        make_paper(title="Echoes: " + "a long title " * 9, authors=[f"Author Number{n}" for n in range(9)])
    )
    assert text.startswith("- id: grebe-2021-echo\n  title: >-\n    Echoes: a long title")
    assert "\n  authors: [\n    Author Number0, Author Number1," in text
    assert "Author Number8,\n  ]\n  date: '2021-05-04'\n" in text
    assert "\n      scores: [0.9, -0.25]\n" in text
    assert "unit: query head" not in text  # fields at their default are left out


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("plain words", "plain words"),
        ("2019-05", "'2019-05'"),
        ("1.10", "'1.10'"),
        ("no", "'no'"),
        ("", "''"),
        ("a: b", "'a: b'"),
        ("it's # not", "'it''s # not'"),
        ("[x]", "'[x]'"),
        ("10.18653/v1/W19-4828", "10.18653/v1/W19-4828"),
        ("bell\x07", '"bell\\a"'),
        (" padded ", "' padded '"),
        (None, "null"),
        (Unquoted("0.5"), "0.5"),
        (["a, b", "c"], "['a, b', c]"),
        ([], "[]"),
        ({}, "{}"),
    ],
    ids=repr,
)
def test_value_is_written_with_no_more_quotes_than_it_needs(value, line):
    assert write_entry({"key": value}) == f"- key: {line}\n"


def test_line_ends_neither_inside_double_spaces_nor_before_a_per_cent_sign():
    text = "x" * 80 + "  " + "y" * 14 + " 5 % of all"
    assert write_entry({"key": text}) == f"- key: >-\n    {'x' * 80}  {'y' * 14}\n    5 % of all\n"


@pytest.mark.parametrize(
    ("number", "written"),
    [("0.0587", "0.0587"), ("1", "1"), ("1.0", "1"), ("5e-06", "5.0e-06"), ("1.5E-7", "1.5e-07"), ("-0.250", "-0.25")],
)
def test_number_is_one_for_every_reader_of_yaml(number, written):
    text = f"- id: a\n  claims:\n    - id: c\n      form: effect\n      at_least: {number}\n"
    assert f"at_least: {written}\n" in form(text)
    value = yaml.safe_load(form(text))[0]["claims"][0]["at_least"]
    assert isinstance(value, int | float)
    assert value == float(number)


@pytest.mark.parametrize("word", ["nan", ".inf", "some", "1_0"])
def test_word_in_place_of_a_number_is_left_for_validation(word):
    text = f"- id: a\n  claims:\n    - id: c\n      form: share\n      at_least: {word}\n"
    assert yaml.safe_load(form(text))[0]["claims"][0].keys() == {"id", "form", "at_least"}


@pytest.mark.parametrize("number", ["0.10", "1e-1", ".1"])
def test_number_has_one_spelling_and_text_in_digits_stays_text(number):
    claim = {"id": "a", "form": "share", "at_least": Unquoted(number), "statement": Unquoted("0.10")}
    [written] = canonical({"claims": [claim]}, Paper)["claims"]
    assert list(written.items()) == [("id", "a"), ("statement", "0.10"), ("form", "share"), ("at_least", "0.1")]
    assert isinstance(written["at_least"], Unquoted)
    assert not isinstance(written["statement"], Unquoted)


scalars = st.one_of(
    st.none(),
    st.text(max_size=30),
    st.text(alphabet="ab :#'\"-,[]{}&*!|>%@`\n\t\\?=~", max_size=40),
    st.lists(st.sampled_from(["word", "a:", "#b", "-", "x" * 40, "5", "%", "é", "頭"]), max_size=60).map(" ".join),
)
keys = st.one_of(st.sampled_from(list(Paper.model_fields)), st.text(max_size=8))
contents = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=15,
)
entries = st.dictionaries(keys, contents, min_size=1, max_size=6)


@given(entries)
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None)
def test_whatever_an_entry_holds_it_reads_back(entry):
    document = parse_document(write_entry(canonical(entry, Paper)), "papers.yaml")
    assert not document.problems
    assert document.data == [entry]


# Whole files


@pytest.mark.parametrize(
    ("path", "style"), list(styled_files(ROOT / "data")), ids=lambda value: getattr(value, "name", "")
)
def test_own_data_keep_their_meaning_and_are_formatted_in_one_go(path, style):
    text = path.read_text(encoding="utf-8")
    written = form(text, style)
    by_content = lambda entries: sorted(map(repr, entries or []))  # noqa: E731
    before, after = (by_content(yaml.load(each, yaml.CBaseLoader)) for each in (text, written))
    assert [sorted(each) for each in before] == [sorted(each) for each in after]
    assert max(map(len, written.splitlines())) <= max(WIDTH, *map(len, text.splitlines()))


def test_entries_are_sorted_and_parted_by_one_blank_line():
    text = f"# About.\n\n{entry('b', '2021')}\n\n\n{entry('c', '2020')}{entry('a', '2021')}"
    assert form(text) == f"# About.\n\n{entry('c', '2020')}\n{entry('a', '2021')}\n{entry('b', '2021')}"


def test_head_types_are_sorted_by_id_and_their_fields_as_in_the_model():
    assert form("- name: B\n  id: b\n- {id: a, name: A}\n", HEAD_TYPES) == "- id: a\n  name: A\n\n- id: b\n  name: B\n"


def test_papers_left_out_are_sorted_by_arxiv_id_then_title():
    text = "- {title: B}\n- {title: A}\n- {title: C, arxiv_id: 2409.10}\n- {title: D, arxiv_id: '1603.06393'}\n"
    entries = yaml.safe_load(form(text, STYLES["left_out.yaml"]))
    assert [entry["title"] for entry in entries] == ["D", "C", "A", "B"]
    assert entries[1]["arxiv_id"] == "2409.10"


@pytest.mark.parametrize("text", ["", "# Only a comment.\n", "# One.\n\n# Two.\n"], ids=repr)
def test_file_without_entries_stays(text):
    assert form(text) == text


def test_windows_line_ends_become_unix_ones():
    assert form(POND.replace("\n", "\r\n")) == form(POND)


COMMENTED = """\
# Header.

# More header.

# Above b.
- date: '2021'  # beside date
  # above id
  id: b
  authors: [Ada,  # in a list
    Bo]
  title: >-  # beside title
    Words # of text
  links:
    # above paper
    paper: https://example.org/#here
  claims:
    # above the claim
    - form: share  # beside form
      id: few
      # tail of the claim
  # tail of b

# Above a.
- id: a
  date: '2020'

# Footer.
"""


def test_comments_stay_with_what_they_belong_to():
    assert form(COMMENTED) == (
        "# Header.\n\n# More header.\n\n"
        "# Above a.\n- id: a\n  date: '2020'\n\n"
        "# Above b.\n# above id\n- id: b\n  title: Words # of text  # beside title\n".replace(
            "Words # of text", "'Words # of text'"
        )
        + "  authors: [Ada, Bo]  # in a list\n  date: '2021'  # beside date\n"
        "  links:\n    # above paper\n    paper: https://example.org/#here\n"
        "  claims:\n    # above the claim\n    - id: few\n      form: share  # beside form\n"
        "  # tail of the claim\n  # tail of b\n\n"
        "# Footer.\n"
    )


@given(st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_comment_is_lost_wherever_it_stands(data):
    lines = POND.splitlines()
    for number in sorted(data.draw(st.sets(st.integers(0, len(lines) - 1), max_size=6)), reverse=True):
        if data.draw(st.booleans()):
            lines[number] += f"  # comment {number}"
        else:
            lines.insert(number, " " * data.draw(st.integers(0, 8)) + f"# comment {number}")
    text = "\n".join(lines) + "\n"
    written = form(text)
    assert yaml.safe_load(written) == yaml.safe_load(POND)
    assert sorted(part for part in text.split() if part.isdigit()) == sorted(
        part for part in written.split() if part.isdigit()
    )
    assert written.count("# comment") == text.count("# comment")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("- id: 'a\n", Code.SYNTAX),
        ("- id: a\n  id: b\n", Code.DUPLICATE_KEY),
        ("- id: *a\n", Code.REFERENCE),
        ("  - id: a\n", Code.NOT_A_LIST),
        ("[{id: a}]\n", Code.NOT_A_LIST),
        ("- text\n", Code.BAD_VALUE),
    ],
)
def test_file_that_cannot_be_understood_is_refused(text, code):
    with pytest.raises(InvalidDataError) as caught:
        form(text)
    assert {problem.code for problem in caught.value.problems} == {code}


def test_entry_with_wrong_fields_is_formatted_all_the_same():
    assert form("- {date: '2020', colour: red, id: [a], claims: x}\n") == (
        "- id: [a]\n  date: '2020'\n  claims: x\n  colour: red\n"
    )


# One paper put in


ISLANDS = f"# Header\n\n{entry('a', '2020', 'note:   odd   #  spacing')}\n\n# On c.\n{entry('c', '2022')}\n# Footer.\n"


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["unix", "windows"])
@pytest.mark.parametrize(
    ("date", "before"), [("2019", "- id: a"), ("2021", "# On c."), ("2023", None)], ids=["first", "middle", "last"]
)
def test_paper_is_put_in_its_place_and_every_other_byte_stays(make_paper, date, before, newline):
    paper = make_paper(date=date)
    text = insert_paper(ISLANDS.replace("\n", newline), paper)
    added = dump_entry(paper).replace("\n", newline)
    if before:
        assert text == ISLANDS.replace("\n", newline).replace(before, added + newline + before)
    else:
        assert text == (ISLANDS.replace("# Footer", "@").replace("\n", newline)).replace(
            newline + "@", newline + added + newline + "# Footer"
        )


@pytest.mark.parametrize("text", ["", "# Header.\n", "# Header.\n\n"], ids=repr)
def test_first_paper_of_a_file_is_put_in(make_paper, text):
    paper = make_paper()
    written = insert_paper(text, paper)
    assert form(written) == written
    assert Paper.model_validate(yaml.safe_load(written)[0]) == paper


def test_paper_that_is_there_already_is_refused(make_paper):
    with pytest.raises(InvalidDataError, match=r"papers.yaml:3:7: HA201 id 'grebe-2021-echo' is taken"):
        insert_paper(POND, make_paper())


def test_paper_cannot_be_put_into_a_broken_file(make_paper):
    with pytest.raises(InvalidDataError, match="HA001"):
        insert_paper("- id: 'a", make_paper())


def test_every_paper_of_a_file_can_be_taken_out_and_put_in_again():
    canon = form(POND)
    for data in yaml.safe_load(canon):
        paper = Paper.model_validate(data)
        others = "".join(
            f"{'' if index == 0 else chr(10)}{dump_entry(Paper.model_validate(other))}"
            for index, other in enumerate(each for each in yaml.safe_load(canon) if each["id"] != paper.id)
        )
        assert form(insert_paper(others, paper)) == form(canon).partition("\n\n")[2]


def test_changed_paper_keeps_its_comments_and_its_neighbours(make_paper):
    other = dump_entry(make_paper("heron-2020-old", title="Old", date="2020", arxiv_id=None))
    mine = dump_entry(make_paper()).replace("  date: '2021-05-04'", "  # sure\n  date: '2021-05-04'  # very")
    mine = mine.replace("    - id: few\n", "    # rough\n    - id: few\n")
    text = f"# H\n\n{other}\n\n\n# mine\n{mine}"
    changed = make_paper(
        title="Echoes", claims=[make_paper().claims[1].model_dump(), make_paper().claims[0].model_dump()]
    )
    written = replace_paper(text, changed)
    assert written.startswith(f"# H\n\n{other}\n\n\n# mine\n- id: grebe-2021-echo\n  title: Echoes\n")
    assert "  # sure\n  date: '2021-05-04'  # very\n" in written
    assert "  claims:\n    # rough\n    - id: few\n" in written
    assert Paper.model_validate(yaml.safe_load(written)[1]) == changed


def test_paper_with_a_new_date_moves(make_paper):
    papers = [make_paper(f"p-20{number}-x", date=f"20{number}", arxiv_id=None) for number in (20, 21, 22)]
    text = "# H\n\n" + "\n".join(map(dump_entry, papers))
    for place, date in enumerate(("2019", "2021-06", "2024")):
        for paper in papers:
            moved = paper.model_copy(update={"date": date})
            expected = [each for each in papers if each is not paper]
            expected = sorted([*expected, moved], key=lambda each: (each.date, each.id))
            assert replace_paper(text, moved) == "# H\n\n" + "\n".join(map(dump_entry, expected)), place


def test_unknown_paper_cannot_be_changed(make_paper):
    with pytest.raises(UnknownIdError, match="heron-2020-old"):
        replace_paper(POND, make_paper("heron-2020-old"))


# Merges, by git itself


@pytest.fixture
def repository(tmp_path):
    """Function that runs git in a new repository and tells whether it succeeded."""

    def git(*arguments, may_fail=False):
        identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *identity, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert may_fail or done.returncode == 0, done.stdout + done.stderr
        return done.returncode == 0

    git("init", "-q", "-b", "main")
    return git


def merge(git, folder, base, ours, theirs, style="merge"):
    """File after git merged two branches, and whether git could do it alone."""
    path = folder / "papers.yaml"

    def commit(text):
        path.write_text(text, encoding="utf-8")
        git("add", ".")
        git("commit", "-q", "-m", "x")

    git("config", "merge.conflictStyle", style)
    commit(base)
    git("checkout", "-q", "-b", "other")
    commit(theirs)
    git("checkout", "-q", "main")
    commit(ours)
    is_clean = git("merge", "-q", "other", may_fail=True)
    return path.read_text(encoding="utf-8"), is_clean


styles = pytest.mark.parametrize("conflict_style", ["merge", "diff3", "zdiff3"])


@pytest.fixture
def four(make_paper):
    """Canonical file of four papers, two years apart."""
    papers = [
        make_paper(f"p-{year}-x", title=f"Title of {year}", date=str(year), arxiv_id=None)
        for year in range(2014, 2022, 2)
    ]
    return form("# H\n\n" + "\n".join(map(dump_entry, papers)))


@pytest.fixture
def new(make_paper):
    """Function that makes a paper of a year; it has lines in common with every other."""
    return lambda year, word="new": make_paper(
        f"n-{year}-{word}", title=f"{word} of {year}", date=str(year), arxiv_id=None
    )


def test_papers_added_at_different_places_merge_without_help(repository, tmp_path, four, new):
    ours, theirs = insert_paper(four, new(2015)), insert_paper(four, new(2019))
    text, is_clean = merge(repository, tmp_path, four, ours, theirs)
    assert is_clean
    assert text == form(text) == insert_paper(ours, new(2019))


@styles
@pytest.mark.parametrize("year", [2013, 2017, 2023], ids=["top", "middle", "end"])
def test_papers_added_at_the_same_place_are_settled_as_if_added_one_after_the_other(
    repository, tmp_path, four, new, conflict_style, year
):
    ours = insert_paper(insert_paper(four, new(year)), new(year, "also"))
    theirs = insert_paper(four, new(year, "other"))
    text, is_clean = merge(repository, tmp_path, four, ours, theirs, conflict_style)
    assert not is_clean
    assert form(text) == insert_paper(ours, new(year, "other"))


@styles
def test_paper_added_by_both_sides_in_the_same_words_is_there_once(repository, tmp_path, four, new, conflict_style):
    ours = insert_paper(insert_paper(four, new(2017)), new(2017, "also"))
    theirs = insert_paper(insert_paper(four, new(2017)), new(2017, "other"))
    text, _ = merge(repository, tmp_path, four, ours, theirs, conflict_style)
    assert form(text) == insert_paper(ours, new(2017, "other"))


@styles
def test_paper_changed_by_both_sides_is_a_conflict_with_id_and_line(repository, tmp_path, four, new, conflict_style):
    base = insert_paper(four, new(2017))
    ours, theirs = (replace_paper(base, new(2017).model_copy(update={"title": title})) for title in ("Our", "Their"))
    text, is_clean = merge(repository, tmp_path, base, ours, theirs, conflict_style)
    assert not is_clean
    with pytest.raises(InvalidDataError) as caught:
        form(text)
    [problem] = caught.value.problems
    assert (problem.code, problem.message) == (Code.CONFLICT, "both sides of the merge changed 'n-2017-new'")
    assert text.splitlines()[problem.line - 1] == "- id: n-2017-new"


def conflict(ours, base, theirs):
    middle = "" if base is None else f"||||||| 1234567\n{base}"
    return f"# H\n\n<<<<<<< HEAD\n{ours}{middle}=======\n{theirs}>>>>>>> other\n"


def test_change_of_one_side_wins_where_git_tells_what_was_there():
    old, changed, added = entry("a", "2020"), entry("a", "2020", "venue: V"), entry("b", "2020")
    expected = f"# H\n\n{changed}\n{added}"
    assert form(conflict(changed, old, f"{old}\n{added}")) == expected
    assert form(conflict(f"{old}\n{added}", old, changed)) == expected
    with pytest.raises(InvalidDataError, match="changed 'a'"):
        form(conflict(changed, None, f"{old}\n{added}"))


def test_paper_that_one_side_deleted_is_kept():
    old, added = entry("a", "2020"), entry("b", "2020")
    assert form(conflict("", old, f"{old}\n{added}")) == f"# H\n\n{old}\n{added}"


def test_base_with_a_conflict_of_its_own_is_passed_over():
    inner = f"<<<<<<<<< x\n{entry('a', '2019')}=========\n>>>>>>>>> y\n"
    assert (
        form(conflict(entry("a", "2020"), inner, entry("b", "2020")))
        == f"# H\n\n{entry('a', '2020')}\n{entry('b', '2020')}"
    )


A, B, C = (entry(name, year) for name, year in (("a", "2020"), ("b", "2021"), ("c", "2022")))
DAMAGED = {
    "diff3-without-separator": (f"<<<<<<< x\n{A}||||||| 1\n{B}{C}>>>>>>> y\n", ">>>>>>>", ">>>>>>> y"),
    "no-separator": (f"<<<<<<< x\n{A}{B}>>>>>>> y\n", ">>>>>>>", ">>>>>>> y"),
    "no-end": (f"<<<<<<< x\n{A}=======\n{B}", "ends without >>>>>>>", "<<<<<<< x"),
    "only-a-start": (f"<<<<<<< x\n{A}{B}", "ends without ||||||| or =======", "<<<<<<< x"),
    "nested": (f"<<<<<<< x\n{A}<<<<<<< z\n{B}=======\n>>>>>>> z\n=======\n{C}>>>>>>> y\n", "<<<<<<<", "<<<<<<< z"),
    "two-bases": (f"<<<<<<< x\n{A}||||||| 1\n{B}||||||| 2\n=======\n{C}>>>>>>> y\n", "|||||||", "||||||| 2"),
    "base-behind-the-separator": (f"<<<<<<< x\n{A}=======\n{B}||||||| 1\n{C}>>>>>>> y\n", "|||||||", "||||||| 1"),
    "end-of-no-conflict": (f"<<<<<<< x\n{A}=======\n{B}>>>>>>> y\n{C}>>>>>>> z\n", "should come", ">>>>>>> z"),
}


@pytest.mark.parametrize(("text", "message", "line"), DAMAGED.values(), ids=DAMAGED)
def test_conflict_that_git_would_not_write_is_refused_at_its_marker(text, message, line):
    with pytest.raises(InvalidDataError) as caught:
        form(text)
    [problem] = caught.value.problems
    assert problem.code is Code.CONFLICT
    assert message in problem.message
    assert text.splitlines()[problem.line - 1] == line


def test_side_that_is_broken_or_has_an_id_twice_is_refused():
    with pytest.raises(InvalidDataError, match="HA001"):
        form(conflict("- id: 'a\n", None, entry("b", "2020")))
    with pytest.raises(InvalidDataError, match="HA201 one side of the merge has 'b' twice"):
        form(conflict(entry("a", "2020"), None, entry("b", "2020") + entry("b", "2021")))


def test_comments_around_the_entries_that_differ_are_a_conflict():
    text = f"<<<<<<< HEAD\n# Ours.\n=======\n# Theirs.\n>>>>>>> other\n\n{entry('a', '2020')}"
    with pytest.raises(InvalidDataError, match=r"papers.yaml:1:1: HA006 the comments around the entries differ"):
        form(text)
