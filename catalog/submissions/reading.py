"""Answers of a form as values of the catalogue; every mistake is kept under the label of its question."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from catalog.arxiv.drafts import PLACEHOLDER
from catalog.errors import ArxivIdError, FieldProblem, SubmissionError, UnknownIdError
from catalog.ids import parse_arxiv_id
from catalog.models import HeadType, Paper
from catalog.registry import Registry
from catalog.submissions.forms import Answer, Form, Kind, Question

Way = tuple[str, ...]
"""Way to a field inside a record, by names."""

_TAG = re.compile(r"<[A-Za-z/!?][^>]*>?")
_REFUSED = (
    (_TAG, "holds an HTML tag; write it in words, and put spaces around < and >"),
    (re.compile(r"\{\{|\{%|\{#|\}\}|%\}"), "holds the braces of a template language; write it in words"),
    (re.compile(re.escape(PLACEHOLDER)), "is still to be written"),
    (re.compile(r"(?<!\S)!(?:!|<)\S"), "holds a YAML tag; write it without the exclamation marks"),
)
"""What no answer may hold: what some tool on the way to a reader could run, and what a draft leaves open."""

_RESOLVER = re.compile(r"^(?:https?://)?(?:dx\.)?doi\.org/|^doi:\s*", re.IGNORECASE)
_HEAD = re.compile(r"L?(\d{1,4})[.:H](\d{1,4})", re.IGNORECASE)


class Reader:
    """Answers of one form, with the names that the catalogue knows; problems are collected, not raised.

    Args:
        form: The form.
        answers: By question id.
        registry: The catalogue.
        today: Day on which a new entry joins it.
    """

    def __init__(self, form: Form, answers: Mapping[str, Answer], registry: Registry, today: date) -> None:
        self.form, self.answers, self.registry, self.today = form, answers, registry, today
        self.problems: list[FieldProblem] = [
            problem for question in form.questions for problem in _content_problems(question, answers.get(question.id))
        ]

    def complain(self, question_id: str, message: str, snippet: str = "") -> None:
        """Keep a problem, unless the question has one already.

        Args:
            question_id: Question that the problem belongs to.
            message: What is wrong and what to do.
            snippet: What could stand there.
        """
        label = self.form.question(question_id).label
        if label not in {problem.label for problem in self.problems}:
            self.problems.append(FieldProblem(label, message, snippet))

    def finish(self) -> None:
        """End of reading.

        Raises:
            SubmissionError: with every problem; and with what was understood.
        """
        if self.problems:
            order = [question.label for question in self.form.questions]
            self.problems.sort(key=lambda problem: order.index(problem.label))
            raise SubmissionError(self.problems, self._understood())

    def _understood(self) -> dict[str, str]:
        answers = ((question.label, self.answers.get(question.id)) for question in self.form.questions)
        return {label: _in_short(answer) for label, answer in answers if answer}

    def text(self, question_id: str) -> str | None:
        """Answer as text, spaces at the ends of lines taken away.

        Args:
            question_id: A question that takes text or one option.

        Returns:
            The text; None if there is none.
        """
        answer = self.answers.get(question_id)
        return "\n".join(line.strip() for line in answer.split("\n")) if isinstance(answer, str) else None

    def options(self, question_id: str) -> list[str]:
        """Options that were chosen.

        Args:
            question_id: A question that takes several.

        Returns:
            In the order of the answer.
        """
        answer = self.answers.get(question_id)
        return list(answer) if isinstance(answer, tuple) else []

    def items(self, question_id: str) -> list[str]:
        """Answer as a list: split at line ends, semicolons and commas; dashes in front of items are dropped.

        Args:
            question_id: A question that takes text.

        Returns:
            The items.
        """
        parts = (re.sub(r"^[-*•]\s+|^and\s+", "", part.strip()) for part in _split(self.text(question_id), r"[\n;,]"))
        return [part for part in parts if part]

    def words(self, question_id: str) -> list[str]:
        """Answer as a list of words: split at blanks, semicolons and commas.

        Args:
            question_id: A question that takes text.

        Returns:
            The words.
        """
        return [word for word in _split(self.text(question_id), r"[\s;,]+") if word]

    def arxiv_id(self, question_id: str) -> str | None:
        """Answer as an arXiv id.

        Args:
            question_id: A question that takes text.

        Returns:
            The id in its plain form; None if there is no answer, or no id in it.
        """
        text = self.text(question_id)
        try:
            return parse_arxiv_id(text) if text else None
        except ArxivIdError as error:
            found = re.search(r"\d{4}\.\d{4,5}", text or "")
            self.complain(question_id, str(error), found[0] if found else "")
            return None

    def doi(self, question_id: str) -> str | None:
        """Answer as a DOI without a resolver in front.

        Args:
            question_id: A question that takes text.

        Returns:
            The DOI; None if there is no answer, or no DOI in it.
        """
        text = self.text(question_id)
        bare = _RESOLVER.sub("", text) if text else None
        if bare and not re.fullmatch(r"10\.\d{4,9}/\S+", bare):
            self.complain(question_id, f"'{_in_short(bare)}' is no DOI; it begins with 10. and has a slash")
            return None
        return bare

    def heads(self, question_id: str) -> list[str]:
        """Answer as names of heads.

        Args:
            question_id: A question that takes text.

        Returns:
            Words that should be heads; what is not of the form L5H1 is complained about.
        """
        words = [word.upper() for word in self.words(question_id)]
        wrong = [word for word in words if not re.fullmatch(r"L\d{1,4}H\d{1,4}", word)]
        if wrong:
            mended = ", ".join(_HEAD.sub(r"L\1H\2", word) for word in words)
            message = f"'{_in_short(wrong[0])}' is not a head; write layer and head from 0, like L5H1"
            self.complain(question_id, message, mended if re.fullmatch(r"(L\d+H\d+(, )?)+", mended) else "")
        return words

    def head_types(self, question_id: str) -> list[str]:
        """Answer as ids of head types, found by id, name or alias.

        Args:
            question_id: A question that takes text.

        Returns:
            The ids, each once; unknown names are complained about, with those near them.
        """
        names, known = self.items(question_id), HeadNames(self.registry.head_types.values())
        found = {name: known.find(name) for name in names}
        unknown = [name for name in names if len(found[name]) != 1]
        if unknown:
            mended = [known.near(name)[0] if known.near(name) else "" for name in names if name in unknown]
            snippet = "\n".join([*(name for name in names if name not in unknown), *filter(None, mended)])
            message = "; ".join(map(known.message, unknown))
            way_out = "leave out what has no entry yet; new head types come by pull request"
            self.complain(question_id, f"{message}; {way_out}", snippet)
        return list(dict.fromkeys(ids[0] for ids in found.values() if len(ids) == 1))

    def paper(self, question_id: str) -> Paper | None:
        """Answer as a paper of the catalogue.

        Args:
            question_id: A question that takes an id or arXiv id.

        Returns:
            The paper; None if there is none.
        """
        text = self.text(question_id)
        return self.find_paper(question_id, text) if text else None

    def find_paper(self, question_id: str, name: str) -> Paper | None:
        """Paper with an id or arXiv id.

        Args:
            question_id: Question that the name stands in.
            name: The id, in any way in which people write arXiv ids.

        Returns:
            The paper; None if there is none, which is complained about.
        """
        try:
            name = parse_arxiv_id(name)
        except ArxivIdError:
            name = name.strip()
        try:
            return self.registry.paper(name)
        except UnknownIdError as error:
            near = get_close_matches(name, self.registry.papers, 1)
            self.complain(question_id, str(error), near[0] if near else "")
            return None

    def explain(self, error: ValidationError, question_of: Mapping[Way, str], default: str) -> None:
        """Turn errors of a model into problems of questions.

        Args:
            error: What the model refused.
            question_of: Question id by way to the field, longest ways first.
            default: Question that gets what belongs to none.
        """
        for part in error.errors(include_url=False):
            path = tuple(str(step) for step in part["loc"])
            fitting = (question for way, question in question_of.items() if path[: len(way)] == way)
            question = self.form.question(next(fitting, default))
            missing = part["type"] == "missing"
            message = "is needed" if missing else f"{_given(part)}{part['msg'].removeprefix('Value error, ')}"
            self.complain(question.id, message, question.placeholder or ", ".join(question.options))


class HeadNames:
    """Every spelling of every head type.

    Args:
        head_types: The vocabulary.
    """

    def __init__(self, head_types: Iterable[HeadType]) -> None:
        self._exact: dict[str, list[str]] = defaultdict(list)
        self._loose: dict[str, list[str]] = defaultdict(list)
        self._names: dict[str, str] = {}
        for head_type in head_types:
            self._names[head_type.id] = head_type.name
            for spelling in {head_type.id, head_type.name, *head_type.aliases}:
                self._exact[spelling.casefold()].append(head_type.id)
                if head_type.id not in self._loose[_loosely(spelling)]:
                    self._loose[_loosely(spelling)].append(head_type.id)

    def find(self, name: str) -> list[str]:
        """Head types that a name can mean: by exact spelling, else with plural, hyphens and "head" taken loosely.

        Args:
            name: As somebody wrote it.

        Returns:
            Ids; one if the name is clear.
        """
        return list(dict.fromkeys(self._exact.get(name.casefold()) or self._loose.get(_loosely(name), [])))

    def message(self, name: str) -> str:
        """Why a name is not clear.

        Args:
            name: As somebody wrote it.

        Returns:
            Part of a sentence.
        """
        if found := self.find(name):
            return f"'{name}' can mean {' or '.join(found)}"
        near = self.near(name)
        return f"unknown head type '{_in_short(name)}'" + (f" (did you mean {', '.join(near)}?)" if near else "")

    def near(self, name: str) -> list[str]:
        """Head types that are spelled almost like a name, the nearest first.

        Args:
            name: As somebody wrote it.

        Returns:
            At most three names.
        """
        spellings = get_close_matches(_loosely(name), self._loose, 3, 0.75)
        return list(dict.fromkeys(self._names[self._loose[spelling][0]] for spelling in spellings))


def _loosely(name: str) -> str:
    words = re.sub(r"[\W_]+", " ", name.casefold()).strip()
    return re.sub(r" ?\bheads?$", "", words) or words


def _content_problems(question: Question, answer: Answer) -> Iterator[FieldProblem]:
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
    if question.kind is Kind.INPUT and "\n" in text:
        yield FieldProblem(question.label, "stands on more than one line", " ".join(text.split()))
    for pattern, message in _REFUSED:
        if found := pattern.search(text):
            bare = _TAG.sub("", text).strip() if pattern is _TAG else ""
            yield FieldProblem(question.label, f"{message} (found: {_in_short(found[0])})", bare)
            return


def _split(text: str | None, pattern: str) -> list[str]:
    return re.split(pattern, text) if text else []


def _in_short(answer: Answer) -> str:
    line = " ".join((", ".join(answer) if isinstance(answer, tuple) else answer or "").split())
    return line if len(line) <= 80 else line[:79] + "…"


def _given(part: Any) -> str:
    return f"'{_in_short(part['input'])}': " if isinstance(part["input"], str) else ""
