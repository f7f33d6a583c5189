"""The files of .github/ISSUE_TEMPLATE: written from the forms, and checked against GitHub's rules.

The rules are GitHub's own list of errors; the public JSON Schema of issue forms lags behind it and knows fewer.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from catalog.files import write_text
from catalog.submissions.forms import FORMS
from catalog.submissions.questions import Form, Kind, Question

FOLDER = Path(".github", "ISSUE_TEMPLATE")
LABEL = "submission"
"""Label of every issue that a form makes; it must exist in the repository."""

_HEADER = "# Written by `headatlas paper forms --write` from catalog/submissions/forms.py. Do not edit.\n"
_CONFIG = {"blank_issues_enabled": False}

_TOP_LEVEL = {"name", "description", "body", "title", "labels", "assignees", "projects", "type"}
_NEEDED = {"name", "description", "body"}
_FISHING = re.compile(r"pass(?:word|wd|wort|phrase)|secret|credential|api.?key|private.?key", re.IGNORECASE)
_LONGEST_LABEL = 80
_ID = re.compile(r"[A-Za-z0-9_-]+")


def template_files() -> dict[str, str]:
    """Every file that belongs into the folder of issue forms.

    Returns:
        File name to content.
    """
    files = {f"{form.name}.yml": write_form(form) for form in FORMS}
    return {"config.yml": _dump(_CONFIG), **files}


def stale_files(folder: Path) -> list[str]:
    """Files of a folder that are not what the forms say: changed, missing, or of no form.

    Args:
        folder: Folder of issue forms.

    Returns:
        Their names, sorted.
    """
    wanted = template_files()
    there = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.yml")}
    return sorted(name for name in wanted | there if wanted.get(name) != there.get(name))


def write_files(folder: Path) -> list[str]:
    """Bring a folder of issue forms up to date; a file of a form that is no more is deleted.

    Args:
        folder: Folder of issue forms.

    Returns:
        Names of the files that were changed.

    Raises:
        OSError: a file cannot be written.
    """
    wanted, stale = template_files(), stale_files(folder)
    for name in stale:
        if name in wanted:
            write_text(folder / name, wanted[name])
        else:
            (folder / name).unlink()
    return stale


def write_form(form: Form) -> str:
    """Text of one issue form.

    Args:
        form: The form.

    Returns:
        YAML as GitHub reads it.
    """
    introduction = {"type": "markdown", "attributes": {"value": form.introduction}}
    return _dump(
        {
            "name": form.title,
            "description": form.description,
            "title": form.issue_title,
            "labels": [LABEL],
            "body": [introduction, *map(_element, form.questions)],
        }
    )


def _dump(content: dict[str, Any]) -> str:
    text: str = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)
    return _HEADER + text


def _element(question: Question) -> dict[str, Any]:
    attributes: dict[str, Any] = {"label": question.label}
    attributes |= {"description": question.description} if question.description else {}
    attributes |= {"placeholder": question.placeholder} if question.placeholder else {}
    attributes |= {"multiple": True} if question.is_multiple else {}
    element: dict[str, Any] = {"type": question.kind.value, "id": question.id, "attributes": attributes}
    if question.kind is Kind.CHECKBOXES:
        attributes["options"] = [{"label": option, "required": question.is_required} for option in question.options]
        return element
    if question.options:
        attributes["options"] = list(question.options)
    return element | {"validations": {"required": question.is_required}}


def all_mistakes() -> list[str]:
    """What GitHub would refuse in the forms as they are defined.

    Returns:
        File name and sentence for each mistake; none if the forms are right.
    """
    texts = {f"{form.name}.yml": write_form(form) for form in FORMS}
    return [f"{name}: {mistake}" for name, text in texts.items() for mistake in form_mistakes(text)]


def form_mistakes(text: str) -> list[str]:
    """What GitHub would refuse in an issue form, or read otherwise than it was meant.

    Args:
        text: Content of the file.

    Returns:
        One sentence for each mistake; none if the form is right.
    """
    try:
        documents = list(yaml.safe_load_all(text))
    except yaml.YAMLError as error:
        return [f"is no YAML: {error}"]
    if len(documents) != 1 or re.search(r"^(---|\.\.\.)", text, re.MULTILINE):
        return ["holds a document separator, or not exactly one document"]
    form = documents[0]
    if not isinstance(form, dict) or not isinstance(form.get("body"), list):
        return ["has no list 'body' at its top level"]
    elements = [element for element in form["body"] if isinstance(element, dict)]
    asking = [element for element in elements if element.get("type") != "markdown"]
    return [
        *_top_level_mistakes(form),
        *_blank_texts(form, "the form"),
        *(mistake for element in elements for mistake in _element_mistakes(element)),
        *_repetitions(asking),
        *([] if asking else ["asks nothing; add an element other than markdown"]),
    ]


def _top_level_mistakes(form: dict[str, Any]) -> Iterator[str]:
    yield from (f"has the unknown key '{key}'" for key in sorted(set(form) - _TOP_LEVEL))
    yield from (f"has no '{key}'" for key in sorted(_NEEDED - set(form)))


def _blank_texts(value: Any, where: str) -> Iterator[str]:
    if isinstance(value, str) and not value.strip():
        yield f"{where} is blank"
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in children:
        yield from _blank_texts(child, f"{where}.{name}")


def _element_mistakes(element: dict[str, Any]) -> Iterator[str]:
    attributes, name = element.get("attributes") or {}, element.get("id", element.get("type"))
    if element.get("type") == "markdown":
        yield from ["markdown carries an id"] if "id" in element else []
        yield from [] if "value" in attributes else ["markdown has no value"]
        return
    if element.get("type") not in set(Kind):
        yield f"{name}: unknown type '{element.get('type')}'"
    if not _ID.fullmatch(str(element.get("id", ""))):
        yield f"{name}: the id needs letters, digits, '-' and '_'"
    yield from (f"{name}: {mistake}" for mistake in _label_mistakes(attributes.get("label"), element.get("type")))
    if element.get("type") in {Kind.DROPDOWN, Kind.CHECKBOXES}:
        yield from (f"{name}: {mistake}" for mistake in _option_mistakes(attributes))


def _label_mistakes(label: Any, kind: Any) -> Iterator[str]:
    if not isinstance(label, str):
        yield f"the label {label!r} is no text; put it in quotes"
        return
    if len(label) > _LONGEST_LABEL or label != " ".join(label.split()):
        yield f"the label has odd spaces or more than {_LONGEST_LABEL} characters"
    if kind in {Kind.INPUT, Kind.TEXTAREA} and _FISHING.search(label):
        yield "the label asks for something secret"


def _option_mistakes(attributes: dict[str, Any]) -> Iterator[str]:
    options = attributes.get("options")
    if not isinstance(options, list) or not options:
        yield "there are no options"
        return
    labels = [option.get("label") if isinstance(option, dict) else option for option in options]
    yield from (f"the option {label!r} is no text; put it in quotes" for label in labels if not isinstance(label, str))
    yield from (f"the option '{label}' stands twice" for label, count in Counter(map(str, labels)).items() if count > 1)
    if "None" in labels:
        yield "the option 'None' is GitHub's own"
    if attributes.get("multiple"):
        commas = [label for label in labels if "," in str(label)]
        yield from (f"the option '{label}' has a comma, and answers are joined with commas" for label in commas)


def _repetitions(asking: list[dict[str, Any]]) -> Iterator[str]:
    ids = Counter(str(element.get("id")) for element in asking)
    yield from (f"the id '{name}' stands twice" for name, count in ids.items() if count > 1)
    labels = [str((element.get("attributes") or {}).get("label")) for element in asking]
    slugs = Counter(re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-") for label in labels)
    yield from (f"two labels read '{slug}' without their signs" for slug, count in slugs.items() if count > 1)
    boxes = [option for element in asking for option in _box_labels(element)]
    yield from (f"the box '{box}' reads like a label" for box in boxes if box in labels)


def _box_labels(element: dict[str, Any]) -> list[str]:
    options = (element.get("attributes") or {}).get("options") or []
    return [str(option["label"]) for option in options if isinstance(option, dict) and "label" in option]
