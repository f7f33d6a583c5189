"""Bodies of issues that were made with a form: written as GitHub writes them, and read back without guessing.

GitHub puts each label as a heading over its answer and escapes nothing, so an answer can look like the next question.
What holds, for every form and all answers:

- `parse(form, render(form, answers))` gives `canonical(answers)`, or refuses; it never gives anything else.
- It refuses if, and only if, a text as typed holds a line that reads as the heading of a question of the same form,
  first in the answer or after a blank line (blanks behind it do not count, a blank in front makes it plain content).
  Every other heading, fences, task lists, "None" and YAML are plain content too.
- `render` refuses what a body cannot hold: the text "_No response_", which is how GitHub writes an empty answer,
  characters that are not allowed, options that the question does not have, and more than 65,536 characters.
- `canonical` is what a body keeps of a text: Unix line ends, Unicode in form NFC, nothing blank around it. An empty
  text is no answer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import pairwise

from catalog.errors import FieldProblem, SubmissionError
from catalog.submissions.forms import FORMS
from catalog.submissions.questions import Answer, Form, Kind, Question
from catalog.texts import excerpt

LONGEST_BODY = 65_536
"""Characters that GitHub gives an issue."""
EMPTY = "_No response_"
NOTHING_CHOSEN = frozenset({"", EMPTY, "None"})
"""How GitHub writes a list of options without a choice."""
BODY = "The issue"
"""Stands for a label where a problem concerns the whole."""

_HEADING = "### "
_JOINERS = "\u200c\u200d"
"""The two invisible characters that writing systems and emoji need."""
_FILLERS = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and signs of Unicode that are drawn as nothing: fillers of Hangul, and the blank of Braille."""
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories of control, formatting and half characters, and of separators that YAML reads as line ends."""


def normalise(text: str) -> str:
    """Text with Unix line ends and in Unicode form NFC.

    Args:
        text: Any text from outside.

    Returns:
        The same, for people.

    Raises:
        SubmissionError: too long, or it holds a character that people cannot see: control characters, fillers, and
            those that reverse the direction of writing.
    """
    if len(text) > LONGEST_BODY:
        message = f"has {len(text):,} characters; an issue has {LONGEST_BODY:,} at most"
        raise SubmissionError([FieldProblem(BODY, message)])
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    hidden = sorted({character for character in text if _is_hidden(character)})
    if hidden:
        names = ", ".join(_describe(character) for character in hidden[:5])
        lines = sorted({text.count("\n", 0, text.index(character)) + 1 for character in hidden})
        message = f"holds {names} in line {', '.join(map(str, lines[:5]))}; type that line again by hand"
        raise SubmissionError([FieldProblem(BODY, message)])
    return text


def _is_hidden(character: str) -> bool:
    if character in f"\n\t{_JOINERS}":
        return False
    is_no_character = ord(character) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(character) <= 0xFDEF
    return is_no_character or character in _FILLERS or unicodedata.category(character) in _HIDDEN


def _describe(character: str) -> str:
    return f"U+{ord(character):04X} ({unicodedata.name(character, 'no visible character').lower()})"


def recognise(body: str) -> Form:
    """Form that a body was made with: the one whose first question stands first.

    Args:
        body: Text of the issue, normalised.

    Returns:
        The form.

    Raises:
        SubmissionError: the first line is no heading of a first question.
    """
    first = body.strip().partition("\n")[0].rstrip()
    for form in FORMS:
        if first in _headings(form.questions[0]):
            return form
    firsts = ", ".join(f"'{_HEADING}{form.questions[0].label}' ({form.title})" for form in FORMS)
    raise SubmissionError([FieldProblem(BODY, f"was not made with a form; its first line would be one of {firsts}")])


def canonical(answers: Mapping[str, Answer]) -> dict[str, Answer]:
    """What a body keeps of some answers.

    Args:
        answers: By question id.

    Returns:
        The same with texts normalised and stripped; empty ones are None.

    Raises:
        SubmissionError: a text cannot be normalised.
    """
    return {
        name: (normalise(answer).strip() or None) if isinstance(answer, str) else answer
        for name, answer in answers.items()
    }


def render(form: Form, answers: Mapping[str, Answer]) -> str:
    """Body that GitHub makes of a filled-in form.

    Args:
        form: The form.
        answers: By question id; questions without an answer may be left out.

    Returns:
        The body.

    Raises:
        SubmissionError: a body cannot hold these answers.
    """
    parts = []
    for question in form.questions:
        answer = answers.get(question.id)
        parts.append(f"{_HEADING}{question.label}\n\n{_written(question, answer)}")
    return normalise("\n\n".join(parts))


def _written(question: Question, answer: Answer) -> str:
    chosen = answer if isinstance(answer, tuple) else (answer,) if answer else ()
    if not question.takes_text and not set(chosen) <= set(question.options):
        raise SubmissionError([FieldProblem(question.label, "an option that the form does not have")])
    if question.kind is Kind.CHECKBOXES:
        return "\n".join(f"- [{'x' if option in (answer or ()) else ' '}] {option}" for option in question.options)
    if isinstance(answer, tuple):
        return ", ".join(answer) or EMPTY
    if answer and answer.strip() == EMPTY:
        raise SubmissionError([FieldProblem(question.label, f"'{EMPTY}' is how GitHub writes an empty answer")])
    return answer or EMPTY


def parse(form: Form, body: str) -> dict[str, Answer]:
    """Answers that stand in a body.

    A line is a heading only if it reads exactly as a label of the form and follows a blank line or nothing. Questions
    may be absent; one that stands twice, or before another that it follows in the form, makes the body ambiguous.

    Args:
        form: The form it was made with.
        body: Text of the issue.

    Returns:
        By question id, in the order of the form: every question has an answer, if only an empty one.

    Raises:
        SubmissionError: ambiguous, or an answer is not what its question asks for; with what was understood.
    """
    body = normalise(body)
    found = list(_found_headings(form, body))
    understood = {question.label: excerpt(text) for question, text in found}
    problems = [*_preamble(form, body, found), *_disorder(form, [question for question, _ in found])]
    if problems:
        raise SubmissionError(problems, understood)
    texts = {question.id: text for question, text in found}
    answers: dict[str, Answer] = {}
    for question in form.questions:
        try:
            answers[question.id] = _typed(question, texts.get(question.id, ""))
        except ValueError as error:
            problems.append(FieldProblem(question.label, str(error), _options_snippet(question)))
    if problems:
        raise SubmissionError(problems, understood)
    return answers


def _headings(question: Question) -> set[str]:
    return {_HEADING + label for label in question.labels}


def _found_headings(form: Form, body: str) -> Iterator[tuple[Question, str]]:
    """Questions in the order of the body, each with the text up to the next."""
    by_heading = {heading: question for question in form.questions for heading in _headings(question)}
    lines = body.split("\n")
    starts = [
        number
        for number, line in enumerate(lines)
        if line.rstrip() in by_heading and (number == 0 or not lines[number - 1].strip())
    ]
    for start, end in pairwise([*starts, len(lines)]):
        yield by_heading[lines[start].rstrip()], "\n".join(lines[start + 1 : end]).strip()


def _preamble(form: Form, body: str, found: list[tuple[Question, str]]) -> Iterator[FieldProblem]:
    first = body.strip().partition("\n")[0].rstrip()
    if not found:
        message = f"holds no heading of the form '{form.title}'; fill in the form again"
        yield FieldProblem(BODY, message, _HEADING + form.questions[0].label)
    elif first not in _headings(found[0][0]):
        yield FieldProblem(BODY, f"begins with '{excerpt(first)}', which belongs to no question; delete it")


def _disorder(form: Form, found: list[Question]) -> Iterator[FieldProblem]:
    """Headings that stand twice, or before one that should precede them."""
    order = [question.id for question in form.questions]
    way_out = "if it is part of an answer, put a word in front of the ###"
    seen: list[Question] = []
    for question in found:
        later = [other for other in seen if order.index(other.id) > order.index(question.id)]
        if question in seen:
            message = f"this heading stands twice, so it is unclear what belongs to it; {way_out}"
            yield FieldProblem(question.label, message)
        elif later:
            message = f"stands after '{later[0].label}', which comes later in the form; restore the order, or {way_out}"
            yield FieldProblem(question.label, message)
        seen.append(question)


def _typed(question: Question, text: str) -> Answer:
    if question.kind is Kind.CHECKBOXES:
        return _ticked(question, text)
    if question.kind is Kind.DROPDOWN and question.is_multiple:
        return _chosen(question, text)
    if question.kind is Kind.DROPDOWN:
        return _choice(question, text)
    return None if text in {"", EMPTY} else text


def _choice(question: Question, text: str) -> str | None:
    if text in NOTHING_CHOSEN:
        return None
    if text not in question.options:
        raise ValueError(f"'{excerpt(text)}' is none of the options")
    return text


def _chosen(question: Question, text: str) -> tuple[str, ...]:
    """Options of a list with commas, each time the longest that fits."""
    rest, chosen = "" if text in NOTHING_CHOSEN else text, []
    while rest:
        fitting = [option for option in question.options if rest == option or rest.startswith(f"{option}, ")]
        if not fitting:
            raise ValueError(f"'{excerpt(rest)}' does not begin with one of the options")
        longest = max(fitting, key=len)
        chosen.append(longest)
        rest = rest[len(longest) :].removeprefix(", ")
    if len(set(chosen)) != len(chosen):
        raise ValueError("an option stands twice")
    return tuple(chosen)


def _ticked(question: Question, text: str) -> tuple[str, ...]:
    boxes: dict[str, bool] = {}
    for line in text.split("\n") if text not in {"", EMPTY} else ():
        box = re.fullmatch(r"[-*] \[([xX ])\] (.+?)\s*", line)
        if box is None or box[2] not in question.options:
            raise ValueError(f"'{excerpt(line)}' is none of the boxes")
        if box[2] in boxes:
            raise ValueError(f"the box '{excerpt(box[2])}' stands twice")
        boxes[box[2]] = box[1] in "xX"
    return tuple(option for option in question.options if boxes.get(option))


def _options_snippet(question: Question) -> str:
    if question.kind is Kind.CHECKBOXES:
        return "\n".join(f"- [x] {option}" for option in question.options)
    return ", ".join(question.options)
