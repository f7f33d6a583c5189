import shutil
import subprocess
import sys
import sysconfig
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from catalog import cli
from catalog.models import Paper
from catalog.submissions import templates
from catalog.submissions.fields import CORRECTABLE
from catalog.submissions.forms import ADD, CORRECT, FORMS
from catalog.submissions.questions import Kind
from catalog.submissions.templates import form_mistakes, stale_files, template_files, write_files
from catalog.vocabulary import Method

ROOT = Path(__file__).parents[3]
COMMITTED = ROOT / templates.FOLDER
CHECKER = shutil.which("check-jsonschema", path=sysconfig.get_path("scripts")) or shutil.which("check-jsonschema")


def test_the_committed_forms_are_what_the_models_say():
    assert stale_files(COMMITTED) == [], "run: headatlas paper forms --write"


def test_the_forms_keep_githubs_rules():
    assert templates.all_mistakes() == []


@pytest.mark.parametrize("name", sorted(template_files()))
def test_a_file_follows_the_public_schema(name):
    assert CHECKER, "install the dev extra: check-jsonschema is part of it"
    schema = "vendor.github-issue-config" if name == "config.yml" else "vendor.github-issue-forms"
    done = subprocess.run(
        [CHECKER, "--builtin-schema", schema, COMMITTED / name],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_first_question_tells_the_forms_apart():
    assert len({form.questions[0].label for form in FORMS}) == len(FORMS)


def test_labels_of_now_and_before_are_unique_in_a_form():
    for form in FORMS:
        labels = [label for question in form.questions for label in question.labels]
        assert len(set(labels)) == len(labels)


def test_options_and_descriptions_come_from_the_models():
    assert ADD.question("methods").options == tuple(Method)
    assert ADD.question("methods").is_multiple
    assert ADD.question("title").description == Paper.model_fields["title"].description
    assert ADD.question("title").is_required
    assert not ADD.question("venue").is_required
    assert CORRECT.question("field").options == tuple(CORRECTABLE)


def test_ids_and_honesty_are_not_for_correction():
    assert {"title", "links.code", "tags.methods", "summary.result"} <= set(CORRECTABLE)
    assert not {"id", "added", "claims", "summary.written_by", "summary.reviewed_by"} & set(CORRECTABLE)


def test_a_blank_issue_is_not_offered():
    config = yaml.safe_load(template_files()["config.yml"])
    assert config["blank_issues_enabled"] is False


def changed(**changes):
    """A right form with one element, changed."""
    element = {"type": "dropdown", "id": "q", "attributes": {"label": "Q", "options": ["a", "b"]}}
    attributes = element["attributes"] | changes.pop("attributes", {})
    form = {
        "name": "N",
        "description": "D",
        "body": [element | changes.pop("element", {}) | {"attributes": attributes}],
    }
    form["body"] += changes.pop("more", [])
    return yaml.safe_dump(form | changes)


BOX = {"type": "checkboxes", "id": "c", "attributes": {"label": "C", "options": [{"label": "Q"}]}}
SECOND = {"type": "input", "id": "r", "attributes": {"label": "R"}}


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("a: [", "is no YAML"),
        (changed() + "---\n" + changed(), "document separator"),
        ("name: N", "no list 'body'"),
        (changed(colour="red"), "unknown key 'colour'"),
        (changed(description=" "), "the form.description is blank"),
        ("description: D\nbody:\n- type: input\n  id: q\n  attributes: {label: Q}\n", "has no 'name'"),
        (changed(element={"type": "colour"}), "unknown type 'colour'"),
        (changed(element={"id": "a b"}), "the id needs letters"),
        (changed(more=[SECOND | {"id": "q"}]), "the id 'q' stands twice"),
        (changed(more=[SECOND | {"attributes": {"label": "Q???"}}]), "two labels read 'q'"),
        (changed(attributes={"label": True}), "the label True is no text"),
        (changed(attributes={"label": "Q" * 81}), "more than 80 characters"),
        (changed(more=[SECOND | {"attributes": {"label": "Your password"}}]), "asks for something secret"),
        (changed(attributes={"options": []}), "there are no options"),
        (changed(attributes={"options": ["a", "a"]}), "the option 'a' stands twice"),
        (changed(attributes={"options": [True, "a"]}), "the option True is no text"),
        (changed().replace("- b", "- no"), "the option False is no text"),
        (changed(attributes={"options": ["None", "a"]}), "the option 'None' is GitHub's own"),
        (changed(attributes={"options": ["a, b", "c"], "multiple": True}), "has a comma"),
        (changed(more=[BOX]), "the box 'Q' reads like a label"),
        (changed(more=[{"type": "markdown", "id": "m", "attributes": {"value": "x"}}]), "markdown carries an id"),
        (changed(more=[{"type": "markdown", "attributes": {}}]), "markdown has no value"),
        (
            "name: N\ndescription: D\nbody:\n- type: markdown\n  attributes: {value: x}\n",
            "asks nothing",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and "\n" not in value else None,
)
def test_a_form_that_github_would_refuse_is_found_out(text, mistake):
    found = form_mistakes(text)
    assert len(found) == 1
    assert mistake in found[0]


def test_the_decoys_are_made_from_a_right_form():
    assert form_mistakes(changed()) == []


def test_words_that_yaml_would_take_for_something_else_are_quoted():
    question = replace(ADD.question("methods"), options=("yes", "no", "on", "2019", "null", "1.0"))
    text = templates.write_form(replace(ADD, questions=(question,)))
    assert yaml.safe_load(text)["body"][1]["attributes"]["options"] == list(question.options)
    assert form_mistakes(text) == []
    assert question.kind is Kind.DROPDOWN


def test_writing_brings_a_folder_up_to_date(tmp_path):
    (tmp_path / "old-form.yml").write_text("name: Old\n")
    (tmp_path / "add-a-paper.yml").write_text("name: Old\n")
    assert write_files(tmp_path) == sorted([*template_files(), "old-form.yml"])
    assert stale_files(tmp_path) == write_files(tmp_path) == []
    assert not (tmp_path / "old-form.yml").exists()


@pytest.fixture
def headatlas(monkeypatch, capsys, tmp_path):
    """The command in a project folder of its own."""

    def headatlas(*arguments):
        monkeypatch.setattr("catalog.files.project_folder", lambda: tmp_path)
        monkeypatch.setattr(sys, "argv", ["headatlas", "paper", *arguments])
        monkeypatch.setattr(cli.app, "registered_groups", list(cli.app.registered_groups))
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return caught.value.code or 0, capsys.readouterr().out

    return headatlas


def test_the_command_checks_writes_and_lists(headatlas):
    code, printed = headatlas("forms", "--check")
    assert (code, "add-a-paper.yml: stale; run: headatlas paper forms --write" in printed) == (1, True)
    assert headatlas("forms", "--write")[0] == 0
    assert headatlas("forms", "--check") == (0, "")
    assert [line.partition(":")[0] for line in headatlas("forms")[1].splitlines()] == [form.name for form in FORMS]


def test_the_command_names_what_github_would_refuse(headatlas, monkeypatch):
    headatlas("forms", "--write")
    first = ADD.questions[0]
    monkeypatch.setattr(templates, "FORMS", (replace(ADD, questions=(first, first)),))
    code, printed = headatlas("forms", "--write")
    assert code == 1
    assert "add-a-paper.yml: the id 'title' stands twice" in printed
