"""Elements of issue forms: a question with its limits, and one that is made from a field of a model."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, Literal, get_args, get_origin

from catalog.models import Record

Answer = str | tuple[str, ...] | None
"""Text, or the options that were chosen or ticked; None where a text or a single choice was left empty."""

LINE = 300
"""Characters that an answer on one line may have."""


class Kind(StrEnum):
    """Elements of an issue form that take an answer."""

    INPUT = "input"
    TEXTAREA = "textarea"
    DROPDOWN = "dropdown"
    CHECKBOXES = "checkboxes"


@dataclass(frozen=True)
class Question:
    """One element of a form; its label is the heading over the answer in the issue."""

    id: str
    label: str
    kind: Kind = Kind.INPUT
    description: str = ""
    placeholder: str = ""
    options: tuple[str, ...] = ()
    is_multiple: bool = False
    is_required: bool = False
    longest: int = LINE
    fewest_words: int = 0
    """Words with letters that a text needs to say anything."""
    former_labels: tuple[str, ...] = ()
    """Labels that the question once had, so that old issues can still be read."""

    @property
    def takes_text(self) -> bool:
        """Whether the answer is free text."""
        return self.kind in {Kind.INPUT, Kind.TEXTAREA}

    @property
    def labels(self) -> tuple[str, ...]:
        """The label and those it had before."""
        return (self.label, *self.former_labels)


@dataclass(frozen=True)
class Form:
    """One issue form."""

    name: str
    """Its file name without the ending."""
    title: str
    description: str
    introduction: str
    issue_title: str
    questions: tuple[Question, ...]

    def question(self, question_id: str) -> Question:
        """Question with this id.

        Args:
            question_id: Such as "title".

        Returns:
            The question.

        Raises:
            KeyError: the form asks no such thing.
        """
        return next(question for question in self.questions if question.id == question_id)


def ask(model: type[Record], field: str, label: str, **changes: Any) -> Question:
    """Question about a field of a model: its description, whether it is required, its vocabulary.

    Args:
        model: The model.
        field: Name of the field, which becomes the id of the question.
        label: Heading over the answer.
        changes: Fields of the question that are to be otherwise.

    Returns:
        The question.
    """
    about = model.model_fields[field]
    options, is_multiple = vocabulary(about.annotation)
    values: dict[str, Any] = {
        "id": field,
        "label": label,
        "kind": Kind.DROPDOWN if options else Kind.INPUT,
        "description": about.description,
        "options": options,
        "is_multiple": is_multiple and bool(options),
        "is_required": about.is_required(),
    }
    return Question(**(values | changes))


def vocabulary(annotation: Any) -> tuple[tuple[str, ...], bool]:
    """What a field takes.

    Args:
        annotation: Type of the field.

    Returns:
        The words that it takes, none if it takes any text; and whether it takes several.
    """
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return tuple(str(member.value) for member in annotation), False
    if get_origin(annotation) is Literal:
        return get_args(annotation), False
    if get_origin(annotation) is list:
        return vocabulary(get_args(annotation)[0])[0], True
    inner = [part for part in get_args(annotation) if part is not type(None)]
    return vocabulary(inner[0]) if len(inner) == 1 else ((), False)
