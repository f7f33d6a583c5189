import json
import re
from contextlib import suppress
from datetime import date

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog import files
from catalog.documents import parse_document
from catalog.errors import DataFolderError, InvalidDataError, SubmissionError, UnknownIdError
from catalog.models import Paper
from catalog.registry import Registry
from catalog.submissions import bodies
from catalog.submissions.fields import CORRECTABLE
from catalog.submissions.forms import ADD, CLAIM, FORMS, OWN_WORDS
from catalog.submissions.intake import read_body, take_in, write


def problems_of(submit, body, **options):
    with pytest.raises(SubmissionError) as caught:
        submit(body, **options)
    return {problem.label: problem for problem in caught.value.problems}


def test_a_paper_becomes_an_entry_in_canonical_form(submit, make_body):
    submission = submit(make_body("add-a-paper"))
    (entry,) = yaml.safe_load(submission.entry)
    paper = Paper.model_validate(entry)
    assert submission.paper_id == paper.id == "coot-2024-sonar"
    assert paper.authors == ["Mia Coot", "Jo Rail"]
    assert paper.head_types == ["echo", "far_echo"]
    assert (paper.arxiv_id, paper.date, paper.date_basis) == ("2406.01234", "2024-06", "month of the arXiv id")
    assert paper.models == ["Lake-2", "Pond-1"]
    assert paper.tags.methods == ["ablation", "attention patterns"]
    assert paper.summary.written_by == "person"
    assert paper.added == "2026-11-22"
    assert [(claim.id, claim.form) for claim in paper.claims] == [("sonar-heads-are-few", "untestable")]
    assert submission.title == "Add Sonar Heads in Deep Lakes"


def test_a_paper_is_written_in_its_place_and_nothing_else_changes(submit, make_body, pond):
    before = (pond / "papers.yaml").read_text()
    submission = submit(make_body("add-a-paper"))
    assert (pond / "papers.yaml").read_text() == before
    write(submission, data=pond)
    after = (pond / "papers.yaml").read_text()
    assert submission.entry in after
    assert after.replace(submission.entry, "").split() == before.split()
    assert "coot-2024-sonar" in Registry.load(pond).papers


def test_an_issue_body_comes_back_from_the_file_as_the_same_paper(submit, make_body, pond):
    submission = submit(make_body("add-a-paper"))
    write(submission, data=pond)
    (entry,) = yaml.safe_load(submission.entry)
    assert Registry.load(pond).paper("2406.01234") == Paper.model_validate(entry)


def test_submissions_of_several_processes_are_all_taken_in(run_together, make_body, pond):
    script = """
from datetime import date
from catalog.submissions import intake

write_text = intake.write_text
intake.write_text = lambda *both: (time.sleep(0.1), write_text(*both))
path = pathlib.Path(sys.argv[4])
submission = intake.take_in(path.read_text(), data=path.parent, today=date(2026, 11, 22))
ready()
intake.write(submission, data=path.parent)
"""
    bodies = [pond / f"{number}.md" for number in range(4)]
    for number, body in enumerate(bodies):
        body.write_text(make_body("add-a-paper", title=f"{'Sonar ' * number}Lakes", arxiv_id=f"2406.0000{number}"))
    run_together(script, *bodies)
    papers = Registry.load(pond).papers.values()
    assert {f"2406.0000{number}" for number in range(4)} < {paper.arxiv_id for paper in papers}


def test_submission_that_no_longer_fits_is_refused_and_nothing_is_written(submit, make_body, pond):
    first, second = submit(make_body("add-a-paper")), submit(make_body("add-a-paper"))
    assert write(first, data=pond) == first
    before = (pond / "papers.yaml").read_bytes()
    with pytest.raises(SubmissionError, match="stands in the catalogue already"):
        write(second, data=pond)
    assert (pond / "papers.yaml").read_bytes() == before


def test_submission_is_read_anew_where_the_catalogue_has_changed(submit, make_body, pond):
    first = submit(make_body("add-a-paper"))
    second = submit(make_body("add-a-paper", title="Sonar in Shallow Lakes", arxiv_id="2406.01235"))
    assert first.paper_id == second.paper_id == "coot-2024-sonar"
    write(first, data=pond)
    assert write(second, data=pond).paper_id == "coot-2024-shallow"


def test_copy_in_the_package_is_not_changed(submit, make_body, pond, monkeypatch):
    submission = submit(make_body("add-a-paper"))
    monkeypatch.delenv(files.ENVIRONMENT_VARIABLE, raising=False)
    monkeypatch.setattr(files, "PACKAGE", pond.rename(pond.with_name("packaged_data")).parent)
    with pytest.raises(DataFolderError, match="belongs to the installed package"):
        write(submission)


def test_entry_is_added_on_the_day_of_utc(make_body, pond, monkeypatch):
    monkeypatch.setattr("catalog.dates.today", lambda: date(2026, 11, 23))
    (entry,) = yaml.safe_load(take_in(make_body("add-a-paper"), data=pond).entry)
    assert entry["added"] == "2026-11-23"


def test_what_validate_refuses_is_not_valid(submit, make_body):
    found = problems_of(submit, make_body("add-a-paper", claim="To be written"))
    assert "still to be written" in found["Claim"].message


def test_catalogue_with_errors_of_its_own_is_told_as_such(submit, make_body, pond):
    draft = (pond / "papers.yaml").read_text().replace("innovation: Names", "innovation: 'To be written:' # Names", 1)
    (pond / "papers.yaml").write_text(draft)
    with pytest.raises(InvalidDataError, match="HA301"):
        submit(make_body("add-a-paper"))


def test_long_words_make_a_claim_id_that_fits(submit, make_body):
    (entry,) = yaml.safe_load(submit(make_body("add-a-paper", claim=f"{'y' * 50} {'z' * 50} pond.")).entry)
    assert entry["claims"][0]["id"] == f"{'y' * 50}-{'z' * 25}"


def test_long_title_makes_a_paper_id_that_fits(submit, make_body):
    assert len(submit(make_body("add-a-paper", title="y" * 299)).paper_id) <= 80


def test_a_date_is_taken_as_given_with_its_basis(submit, make_body):
    body = make_body("add-a-paper", date="2024-06-03", date_basis="submission")
    assert "date: '2024-06-03'\n  date_basis: submission\n" in submit(body).entry


@pytest.mark.parametrize(
    ("changes", "label", "message", "snippet"),
    [
        ({"title": None}, "Title", "is missing", "In-context Learning and Induction Heads"),
        ({"title": "echo heads, in small PONDS!"}, "Title", "as grebe-2021-echo", "- id: grebe-2021-echo"),
        ({"arxiv_id": "2105.00010"}, "arXiv id", "as grebe-2021-echo", "- id: grebe-2021-echo"),
        ({"arxiv_id": "see 2406.01234"}, "arXiv id", "no arXiv id", "2406.01234"),
        ({"arxiv_id": None}, "Date", "is needed unless there is an arXiv id", "2022-09-24"),
        ({"date": "2024/6/3", "date_basis": "submission"}, "Date", "not of the form", "2024-06-03"),
        ({"date": "May 2024", "date_basis": "submission"}, "Date", "not of the form", ""),
        ({"date": "2024-06-31", "date_basis": "submission"}, "Date", "is no day of the calendar", ""),
        ({"date": "2024-13", "date_basis": "submission"}, "Date", "is no day of the calendar", ""),
        ({"date": "2024-06-03"}, "Basis of the date", "is needed beside a date", "publication page"),
        ({"date": "2022-01-01", "date_basis": "submission"}, "Date", "does not fit the arXiv id", ""),
        ({"date": "2026-11-23", "date_basis": "publication page"}, "Date", "lies in the future", ""),
        ({"arxiv_id": "2612.01234"}, "arXiv id", "lies in the future", ""),
        ({"link": "https://user:pw@example.org/x"}, "Link", "leave them out", ""),
        ({"doi": "doi:11.1/x"}, "DOI", "'11.1/x' is no DOI", ""),
        (
            {"link": "javascript:alert(1)"},
            "Link",
            "no address of a web page; it begins with https://",
            "https://arxiv.org",
        ),
        ({"link": "example.org/sonar"}, "Link", "'example.org/sonar' is no address", "https://example.org/sonar"),
        ({"head_types": "eko heads"}, "Head names", "unknown head type 'eko heads'", ""),
        ({"head_types": "echo\nripple\nfar ecoh"}, "Head names", "did you mean Far-echo head", "Far-echo head"),
        ({"authors": ";"}, "Authors", "has no letter", "Catherine Olsson"),
        ({"confirmation": (OWN_WORDS,)}, "Confirmation", "every box", "- [x] "),
        ({"venue": "one\ntwo"}, "Venue", "more than one line", "one two"),
        ({"result": "y" * 1_501}, "Significant result", "1,501 characters; 1,500 at most", ""),
        ({"tasks": "z" * 60_000}, "Tasks", "60,000 characters", ""),
        ({"tasks": "Look <script>alert(1)</script> here"}, "Tasks", "HTML tag", "Look alert(1) here"),
        ({"tasks": "An <img src=x onerror=alert(1)"}, "Tasks", "HTML tag", "An"),
        ({"innovation": "{{ config }}"}, "Innovation", "template", ""),
        ({"innovation": "{% include 'x' %}"}, "Innovation", "template", ""),
        ({"claim": "!!python/object/apply:os.system [ls]"}, "Claim", "YAML tag", ""),
        ({"claim": "To be written: later."}, "Claim", "still to be written", ""),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 else None,
)
def test_a_mistake_is_answered_under_its_label(submit, make_body, pond, changes, label, message, snippet):
    before = (pond / "papers.yaml").read_bytes()
    found = problems_of(submit, make_body("add-a-paper", **changes))
    assert list(found) == [label]
    assert message in found[label].message
    assert snippet in found[label].snippet
    assert (pond / "papers.yaml").read_bytes() == before


def test_every_mistake_is_answered_in_the_order_of_the_form(submit, make_body):
    body = make_body("add-a-paper", tasks="<b>", title=None, head_types="nothing such", link="nowhere", doi="x")
    assert list(problems_of(submit, body)) == ["Title", "Head names", "Link", "DOI", "Tasks"]


def test_a_paper_that_was_left_out_is_answered_with_the_reason(submit, make_body, pond):
    (pond / "left_out.yaml").write_text("- title: Sonar heads in deep lakes.\n  reason: It has no heads.\n")
    found = problems_of(submit, make_body("add-a-paper"))
    assert "was considered before and left out: It has no heads." in found["Title"].message


def test_text_that_only_looks_dangerous_is_taken_in(submit, make_body):
    text = "For p < 0.05, 3<4 and heads win! Wow!! & more {n}: # 'quoted' \"text\""
    (entry,) = yaml.safe_load(submit(make_body("add-a-paper", tasks=text)).entry)
    assert entry["summary"]["tasks"] == text


def test_a_correction_changes_one_field_and_shows_the_difference(submit, make_body, pond):
    submission = submit(make_body("correct-a-paper"))
    changed = [line for line in submission.changes.splitlines() if line[0] in "+-" and line[:3] not in {"+++", "---"}]
    assert changed == ["-  venue: PondConf 2022", "+  venue: PondConf 2021"]
    assert submission.notes == ["Source, as the submitter gives it: the proceedings"]
    write(submission, data=pond)
    assert Registry.load(pond).paper("grebe-2021-echo").venue == "PondConf 2021"


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("authors", "Ada Grebe\nBo Heron\nCy Teal", ["Ada Grebe", "Bo Heron", "Cy Teal"]),
        ("head_types", "Ripple heads; mirror head", ["ripple", "echo"]),
        ("links.code", "https://example.org/code", "https://example.org/code"),
        ("tags.methods", "ablation, probing", ["ablation", "probing"]),
        ("arxiv_id", "https://arxiv.org/abs/2105.00099v1", "2105.00099"),
        ("summary.result", "Every pond has some, and lakes too.", "Every pond has some, and lakes too."),
        ("superseded_by", "teal-2023-ripple", "teal-2023-ripple"),
    ],
)
def test_a_correction_reads_the_value_as_its_field_wants_it(submit, make_body, field, value, expected):
    submission = submit(make_body("correct-a-paper", field=field, value=value))
    (entry,) = yaml.safe_load(submission.entry)
    for step in field.split("."):
        entry = entry[step]
    assert entry == expected


@pytest.mark.parametrize(
    ("changes", "label", "message"),
    [
        ({"paper": "grebe-2021-eco"}, "Paper to correct", "did you mean grebe-2021-echo"),
        ({"field": "title", "value": "Echo Heads in Small Ponds"}, "New value", "stands there already"),
        ({"field": "date", "value": "spring"}, "New value", "'spring' is not of the form YYYY-MM-DD"),
        ({"field": "date", "value": "2021/5/4"}, "New value", "'2021/5/4' is not of the form"),
        ({"field": "date_basis", "value": "rumour"}, "New value", "'rumour' is none of the words in use"),
        ({"field": "authors", "value": ";"}, "New value", "has no letter"),
        ({"field": "title", "value": "."}, "New value", "has no letter"),
        ({"field": "summary.tasks", "value": "Looks."}, "New value", "says too little"),
        ({"field": "tags.methods", "value": "magic"}, "New value", "'magic' is none of the words in use"),
        ({"field": "links.paper", "value": "ftp://example.org"}, "New value", "no address of a web page"),
        ({"field": "head_types", "value": "rippel"}, "New value", "did you mean Ripple head"),
        ({"field": "superseded_by", "value": "grebe-2021-echo"}, "New value", "not the id of another entry"),
        ({"field": "date", "value": "1999-01-01"}, "New value", "does not fit the arXiv id"),
        ({"field": "findings.limitations", "value": "Few ponds."}, "Field", "no findings yet"),
        ({"source": None}, "Source", "is missing"),
    ],
    ids=lambda value: value.get("value") or next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_wrong_correction_is_answered_under_its_label(submit, make_body, changes, label, message):
    found = problems_of(submit, make_body("correct-a-paper", **changes))
    assert list(found) == [label]
    assert message in found[label].message


def test_a_corrected_title_that_another_paper_has_is_refused(submit, make_body):
    body = make_body("correct-a-paper", paper="teal-2023-ripple", field="title", value="ECHO heads in small ponds")
    assert "as grebe-2021-echo" in problems_of(submit, body)["New value"].message


def test_a_corrected_summary_counts_as_unchecked_again(submit, make_body, pond):
    path = pond / "papers.yaml"
    path.write_text(
        path.read_text().replace("written_by: language model\n", "written_by: language model\n    reviewed_by: Bo\n", 1)
    )
    submission = submit(make_body("correct-a-paper", field="summary.tasks", value="Looks at four ponds."))
    assert "reviewed_by" not in submission.entry
    assert "written_by: person" in submission.entry
    assert "+    written_by: person" in submission.changes
    assert any("counts as written by a person" in note for note in submission.notes)


def test_a_correction_of_another_field_leaves_the_summary_as_it_was(submit, make_body):
    submission = submit(make_body("correct-a-paper"))
    assert "written_by: language model" in submission.entry
    assert not any("summary" in note for note in submission.notes)


def test_a_summary_sentence_that_stands_there_already_makes_nobody_its_author(submit, make_body):
    body = make_body("correct-a-paper", field="summary.tasks", value="Looks at three ponds.")
    assert problems_of(submit, body)["New value"].message == "stands there already"


WITH_COMMAS = "Llama 2 (7B, 13B and 70B)"


def test_authors_and_models_are_parted_by_lines_and_semicolons_alone(submit, make_body):
    body = make_body("add-a-paper", authors="Mia Coot\nSmith, John; Jo Rail", models=f"{WITH_COMMAS}\nLake-2;Pond-1")
    submission = submit(body)
    (entry,) = yaml.safe_load(submission.entry)
    assert entry["authors"] == ["Mia Coot", "Smith, John", "Jo Rail"]
    assert entry["models"] == [WITH_COMMAS, "Lake-2", "Pond-1"]
    assert submission.notes == ["'Smith, John' counts as one author; one to a line, first names first."]


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("authors", "Smith, John; Bo Heron", ["Smith, John", "Bo Heron"]),
        ("models", f"{WITH_COMMAS}\nPond-1", [WITH_COMMAS, "Pond-1"]),
    ],
)
def test_a_correction_parts_them_in_the_same_way(submit, make_body, field, value, expected):
    (entry,) = yaml.safe_load(submit(make_body("correct-a-paper", field=field, value=value)).entry)
    assert entry[field] == expected


@pytest.mark.parametrize("text", ["5 %", "5%", "0.05", ".05", "5e-2"])
def test_a_share_may_be_a_percentage(submit, make_body, text):
    body = make_body("report-a-claim", **NOT_OF_HEADS, form="share", model=None, at_most=text)
    (entry,) = yaml.safe_load(submit(body).entry)
    assert entry["claims"][-1]["at_most"] == 0.05


@pytest.mark.parametrize("text", ["\u3164", "\u115f\u1160", "\uffa0", "\u2800", "Sonar\u3164Heads"])
def test_fillers_that_cannot_be_seen_are_refused(submit, make_body, text):
    body = make_body("add-a-paper").replace("Sonar Heads in Deep Lakes", text)
    assert "U+" in problems_of(submit, body)["The issue"].message


@pytest.mark.parametrize(
    ("changes", "label", "message"),
    [
        ({"title": "."}, "Title", "has no letter"),
        ({"title": "1 + 2 ??"}, "Title", "has no letter"),
        ({"title": "a" + "\u0301" * 200}, "Title", "more than 4 accents"),
        ({"result": "\u0301" * 1_000}, "Significant result", "more than 4 accents"),
        ({"tasks": "Look " + "\u0336\u0353\u0341\u0330\u0315" + " at this now."}, "Tasks", "more than 4 accents"),
        ({"innovation": "."}, "Innovation", "says too little"),
        ({"result": "Sonar."}, "Significant result", "says too little"),
        ({"claim": "1 2 3 4"}, "Claim", "says too little"),
    ],
    ids=["dot", "digits", "tower", "only-marks", "marks", "sentence", "one-word", "numbers"],
)
def test_a_text_without_content_is_refused(submit, make_body, changes, label, message):
    found = problems_of(submit, make_body("add-a-paper", **changes))
    assert list(found) == [label]
    assert message in found[label].message


@pytest.mark.parametrize("title", ["Trần Thị heads", "नमस्ते", "注意力头", "A"])
def test_titles_of_every_script_have_letters(submit, make_body, title):
    assert submit(make_body("add-a-paper", title=title)).is_new


def test_no_answer_shows_a_pattern_of_the_code(submit, make_body):
    wrong = {"date": "soon", "authors": ";", "link": "x y", "doi": "x", "arxiv_id": "x", "head_types": "x"}
    answers = [problems_of(submit, make_body("add-a-paper", date_basis="submission", **wrong))]
    for field in CORRECTABLE:
        with suppress(SubmissionError):
            submit(make_body("correct-a-paper", field=field, value="\\ ^ $ ;"))
            continue
        answers.append(problems_of(submit, make_body("correct-a-paper", field=field, value="\\ ^ $ ;")))
    shown = [problem.message for found in answers for problem in found.values()]
    assert len(shown) > 20
    assert not [text for text in shown if re.search(r"pattern|\^\\|\bparse|should|Input|String|List", text)]


def test_a_claim_joins_its_paper(submit, make_body, pond):
    submission = submit(make_body("report-a-claim"))
    write(submission, data=pond)
    claim = Registry.load(pond).paper("grebe-2021-echo").claims[-1]
    assert claim.id == "three-further-heads-echo"
    assert (claim.head_type, claim.heads, claim.scores) == ("far_echo", ["L0H1", "L2H3", "L4H5"], [0.5, 0.25, -1.0])
    assert (claim.unit, claim.evidence) == ("query head", "primary")


NOT_OF_HEADS = dict.fromkeys(("heads", "scores", "measure", "evidence"))
EFFECT = {**NOT_OF_HEADS, "metric": "loudness", "direction": "falls", "change_unit": "nats"}


@pytest.mark.parametrize(
    ("form", "changes"),
    [
        ("share", {"at_most": "0.05", "model": None}),
        ("effect", {"metric": "loudness", "direction": "falls", "at_least": "0.2", "change_unit": "nats"}),
        ("untestable", {"reason": "It is a matter of taste.", "model": None, "head_type": None}),
    ],
)
def test_every_other_form_of_claim_is_taken_in(submit, make_body, form, changes):
    submission = submit(make_body("report-a-claim", **NOT_OF_HEADS, **changes, form=form))
    (entry,) = yaml.safe_load(submission.entry)
    assert entry["claims"][-1]["form"] == form


@pytest.mark.parametrize(
    ("changes", "label", "message", "snippet"),
    [
        ({"heads": "5.1, 7.0"}, "Heads", "'5.1' is not a head", "L5H1, L7H0"),
        ({"heads": "the fifth"}, "Heads", "is not a head", ""),
        ({"heads": None}, "Heads", "is needed", "L5H1"),
        ({"heads": "L0H1, L0H1, L2H2"}, "Heads", "listed twice", ""),
        ({"scores": "0.5"}, "Heads", "1 scores for 3 heads", ""),
        ({"scores": "high, low, none"}, "Scores", "'high' is no number", ""),
        ({"scores": "0.5, −0.25, 1"}, "Scores", "'−0.25' is no number", "-0.25"),
        ({"head_type": "Echo head, ripple head"}, "Head type", "more than one head type", "echo"),
        ({"head_type": ";"}, "Head type", "names no head type", "induction head"),
        ({"scores": None}, "Heads", "scores and measure belong together", ""),
        ({"head_type": None}, "Head type", "is needed", "induction head"),
        ({"evidence": None}, "Evidence", "is needed", "primary, secondary"),
        ({"at_most": "0.5"}, "At most", "no part of a claim of form heads", ""),
        ({"statement": "Two heads echo."}, "Statement", "as the claim named-heads", ""),
        ({"form": "share", "at_least": "0,05", **NOT_OF_HEADS}, "At least", "'0,05' is no number", "0.05"),
        ({"form": "share", "at_least": "few", **NOT_OF_HEADS}, "At least", "'few' is no number", ""),
        ({"form": "share", "at_most": "5", **NOT_OF_HEADS}, "At most", "'5' is no share", "5 %"),
        ({"form": "share", "at_most": "105 %", **NOT_OF_HEADS}, "At most", "'105 %' is no share", ""),
        ({"form": "effect", "at_least": "5 %", **EFFECT}, "At least", "'5 %' is no number", "5"),
        ({"form": "effect", "at_least": "-5", **EFFECT}, "At least", "must be above 0", ""),
        ({"form": "share", **NOT_OF_HEADS}, "At least", "claims nothing", ""),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_wrong_claim_is_answered_under_its_label(submit, make_body, changes, label, message, snippet):
    found = problems_of(submit, make_body("report-a-claim", **changes))
    assert list(found) == [label]
    assert message in found[label].message
    assert snippet in found[label].snippet


def test_a_request_is_checked_and_changes_nothing(submit, make_body, pond):
    before = (pond / "papers.yaml").read_bytes()
    submission = submit(make_body("request-a-probe"))
    assert submission.papers is None
    assert yaml.safe_load(submission.entry) == {
        "head_type": "echo",
        "model": "invented/pond-1",
        "why": "Does it echo?",
        "papers": ["grebe-2021-echo", "grebe-2021-echo"],
    }
    write(submission, data=pond)
    assert (pond / "papers.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "label", "message"),
    [
        ({"model": "a model; rm -rf /"}, "Model to measure", "is no name of a model"),
        ({"head_type": "Echo, Ripple"}, "Head type to measure", "more than one"),
        ({"papers": "nobody-2020-nothing"}, "Papers", "unknown paper"),
    ],
    ids=["model", "head-type", "paper"],
)
def test_a_wrong_request_is_answered_under_its_label(submit, make_body, changes, label, message):
    assert message in problems_of(submit, make_body("request-a-probe", **changes))[label].message


def test_a_request_says_what_exists_already(submit, make_body, world, monkeypatch):
    monkeypatch.setattr(Registry, "load", classmethod(lambda cls, folder: world))
    notes = submit(make_body("request-a-probe", papers=None)).notes
    assert notes == ["Measured by the detector echo.", "Measured already: data/runs/pond-1."]
    assert "No detector" in submit(make_body("request-a-probe", head_type="ripple", papers=None)).notes[0]


def test_a_form_may_be_named(submit, make_body):
    assert submit(make_body("request-a-probe"), form_name="request-a-probe").form == "request-a-probe"
    with pytest.raises(UnknownIdError, match="did you mean add-a-paper"):
        submit("", form_name="add-paper")
    assert "The issue" in problems_of(submit, make_body("request-a-probe"), form_name="add-a-paper")


def test_labels_in_the_wrong_order_and_overrides_change_nothing(submit, make_body, pond):
    before = (pond / "papers.yaml").read_bytes()
    body = make_body("add-a-paper")
    title, rest = body.partition("### Authors")[0], body.partition("### Authors")[2]
    swapped = (
        body.replace("### Innovation", "### X").replace("### Tasks", "### Innovation").replace("### X", "### Tasks")
    )
    for wrong in (swapped, body + "\n\n" + body, body.replace("Sonar", "\u202eSonar"), title + "\n\n" + title + rest):
        problems_of(submit, wrong)
    assert (pond / "papers.yaml").read_bytes() == before


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"x" * 300_000], ids=["not-utf-8", "long"])
def test_a_file_that_is_no_issue_is_refused(tmp_path, content):
    path = tmp_path / "issue.md"
    path.write_bytes(content)
    with pytest.raises(SubmissionError, match=r"UTF-8|longer than"):
        read_body(path)


def test_line_ends_of_the_file_do_not_matter(submit, make_body, tmp_path):
    path = tmp_path / "issue.md"
    path.write_bytes(b"\xef\xbb\xbf" + make_body("add-a-paper").replace("\n", "\r\n").encode())
    assert submit(read_body(path)) == submit(make_body("add-a-paper"))


def test_required_fields_of_a_paper_have_a_question():
    from catalog.submissions.adding import QUESTIONS

    asked = {way[0] for way in QUESTIONS} | {"added", "summary"}
    assert {name for name, field in Paper.model_fields.items() if field.is_required()} <= asked
    assert set(QUESTIONS.values()) | {"confirmation"} == {question.id for question in ADD.questions}


def test_every_field_of_a_claim_has_a_question():
    from catalog.submissions.fields import CLAIM_FORMS, claim_fields

    asked = {question.id for question in CLAIM.questions}
    assert all(set(claim_fields(form)) <= asked for form in CLAIM_FORMS)
    assert {name for form in CLAIM_FORMS for name in claim_fields(form)} == asked - {"paper", "form", "confirmation"}


@pytest.fixture
def headatlas(monkeypatch, capsys, pond):
    import subprocess
    import sys

    from catalog import cli

    def headatlas(*arguments):
        monkeypatch.setattr(sys, "argv", ["headatlas", "paper", *map(str, arguments)])
        monkeypatch.setattr(cli.app, "registered_groups", list(cli.app.registered_groups))
        with pytest.raises(SystemExit) as caught:
            cli.main()
        printed = capsys.readouterr()
        return subprocess.CompletedProcess(sys.argv, caught.value.code or 0, printed.out, printed.err)

    return headatlas


def test_the_command_prints_the_entry_and_writes_it_only_when_told(headatlas, make_body, pond, tmp_path):
    before, body = (pond / "papers.yaml").read_text(), tmp_path / "issue.md"
    body.write_text(make_body("add-a-paper"))
    done = headatlas("intake", "--body", body, "--data", pond)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "- id: coot-2024-sonar")
    assert "nothing was written" in done.stderr
    assert (pond / "papers.yaml").read_text() == before
    done = headatlas("intake", "--body", body, "--data", pond, "--write")
    assert done.stdout.rstrip("\n") in (pond / "papers.yaml").read_text()


def test_the_command_prints_problems_for_people_and_machines(headatlas, make_body, pond, tmp_path):
    body = tmp_path / "issue.md"
    body.write_text(make_body("add-a-paper", arxiv_id="2105.00010"))
    done = headatlas("intake", "--body", body, "--data", pond, "--write")
    assert (done.returncode, done.stderr) == (1, "")
    assert "arXiv id: stands in the catalogue already, as grebe-2021-echo" in done.stdout
    assert "What was understood:" in done.stdout
    found = json.loads(headatlas("intake", "--body", body, "--data", pond, "--json").stdout)
    assert (found["valid"], found["problems"][0]["label"]) == (False, "arXiv id")


def test_the_command_prints_a_difference_for_a_correction(headatlas, make_body, pond, tmp_path):
    body = tmp_path / "issue.md"
    body.write_text(make_body("correct-a-paper"))
    assert "+  venue: PondConf 2021" in headatlas("intake", "--body", body, "--data", pond).stdout
    found = json.loads(headatlas("intake", "--body", body, "--data", pond, "--json").stdout)
    assert (found["valid"], found["form"], found["paper_id"]) == (True, "correct-a-paper", "grebe-2021-echo")


def test_the_command_ends_with_2_where_it_was_used_wrongly(headatlas, pond, tmp_path):
    assert headatlas("intake", "--body", tmp_path / "none.md", "--data", pond).returncode == 2
    body = tmp_path / "issue.md"
    body.write_text("x")
    assert headatlas("intake", "--body", body, "--form", "none", "--data", pond).returncode == 2


def test_the_bodies_of_all_forms_are_recognised(make_body):
    assert [bodies.recognise(make_body(form.name)) for form in FORMS] == list(FORMS)


CHARACTERS = st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs"), exclude_characters="{<!")
LINE = st.text(CHARACTERS, min_size=1, max_size=60).map(lambda text: f"Here we see {' '.join(text.split())}".strip())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.fixed_dictionaries(dict.fromkeys(("title", "innovation", "tasks", "result", "claim", "venue"), LINE)))
def test_an_entry_holds_what_was_submitted_word_for_word(submit, make_body, answers):
    submission = submit(make_body("add-a-paper", **answers))
    (entry,) = parse_document(submission.entry, "papers.yaml").data
    kept = bodies.canonical(answers)
    assert {name: entry["summary"][name] for name in ("innovation", "tasks", "result")}.items() <= kept.items()
    assert (entry["title"], entry["venue"], entry["claims"][0]["statement"]) == (
        kept["title"],
        kept["venue"],
        kept["claim"],
    )
