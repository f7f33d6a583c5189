"""What no answer may be, whatever it is about: unticked, missing, too long, dangerous, or without a word in it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import groupby

from catalog.arxiv.drafts import PLACEHOLDER
from catalog.errors import FieldProblem
from catalog.submissions.questions import Answer, Kind, Question
from catalog.texts import excerpt

_TAG = re.compile(r"<[A-Za-z/!?][^>]*>?")
_REFUSED = (
    (_TAG, "holds an HTML tag; write it in words, and put spaces around < and >"),
    (re.compile(r"\{\{|\{%|\{#|\}\}|%\}"), "holds the braces of a template language; write it in words"),
    (re.compile(re.escape(PLACEHOLDER)), "is still to be written"),
    (re.compile(r"(?<!\S)!(?:!|<)\S"), "holds a YAML tag; write it without the exclamation marks"),
)
"""What no answer may hold: what some tool on the way to a reader could run, and what a draft leaves open."""
_MARKS_ON_A_LETTER = 4
"""Accents that may stand on one letter; more of them bury the lines around."""


def content_problems(question: Question, answer: Answer) -> Iterator[FieldProblem]:
    """What no answer of any form may be.

    Args:
        question: The question.
        answer: What was answered.

    Yields:
        The problems.
    """
    if question.kind is Kind.CHECKBOXES:
        if question.is_required and set(answer or ()) != set(question.options):
            snippet = "\n".join(f"- [x] {option}" for option in question.options)
            yield FieldProblem(question.label, "every box needs its tick", snippet)
        return
    if question.is_required and not answer:
        snippet = question.placeholder or ", ".join(question.options)
        yield FieldProblem(question.label, "is missing", snippet)
    if isinstance(answer, str) and question.takes_text:
        yield from _text_problems(question, answer)


def _text_problems(question: Question, text: str) -> Iterator[FieldProblem]:
    if len(text) > question.longest:
        message = f"has {len(text):,} characters; {question.longest:,} at most"
        yield FieldProblem(question.label, message)
        return
    if _has_tower_of_marks(text):
        yield FieldProblem(question.label, f"has more than {_MARKS_ON_A_LETTER} accents on one letter")
        return
    if question.kind is Kind.INPUT and "\n" in text:
        yield FieldProblem(question.label, "stands on more than one line", " ".join(text.split()))
    for pattern, message in _REFUSED:
        if found := pattern.search(text):
            bare = _TAG.sub("", text).strip() if pattern is _TAG else ""
            yield FieldProblem(question.label, f"{message} (found: {excerpt(found[0])})", bare)
            return
    if problem := wordless(question, text, question.fewest_words):
        yield problem


def _has_tower_of_marks(text: str) -> bool:
    runs = groupby(text, key=lambda character: unicodedata.category(character).startswith("M"))
    return any(is_mark and len(list(run)) > _MARKS_ON_A_LETTER for is_mark, run in runs)


def wordless(question: Question, text: str, fewest: int) -> FieldProblem | None:
    """What is wrong with a text that says nothing.

    Args:
        question: Question that it answers.
        text: The answer.
        fewest: Words with letters that it needs.

    Returns:
        The problem; None if it has the words.
    """
    if len(re.findall(r"[^\W\d_]+", text)) >= fewest:
        return None
    message = "has no letter in it" if fewest == 1 else "says too little; write a sentence of a few words"
    return FieldProblem(question.label, message, question.placeholder)
