"""Answers of a form as values of the catalogue; every mistake is kept under the label of its question."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal
from difflib import get_close_matches

from pydantic import ValidationError

from catalog.dois import bare_doi
from catalog.errors import ArxivIdError, FieldProblem, SubmissionError, UnknownIdError
from catalog.ids import parse_arxiv_id
from catalog.models import Paper
from catalog.registry import Registry
from catalog.submissions.content import content_problems, wordless
from catalog.submissions.head_names import HeadNames
from catalog.submissions.questions import Answer, Form
from catalog.submissions.wording import in_plain_words
from catalog.texts import excerpt

Way = tuple[str, ...]
"""Way to a field inside a record, by names."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?", re.IGNORECASE)
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
        self.notes: list[str] = []
        self.problems: list[FieldProblem] = [
            problem for question in form.questions for problem in content_problems(question, answers.get(question.id))
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
        texts = ((label, ", ".join(answer) if isinstance(answer, tuple) else answer) for label, answer in answers)
        return {label: excerpt(text) for label, text in texts if text}

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

    def items(self, question_id: str, *, at_commas: bool = False) -> list[str]:
        """Answer as a list: split at line ends and semicolons; dashes in front of items are dropped.

        Args:
            question_id: A question that takes text.
            at_commas: Split at commas too, where no item can hold one.

        Returns:
            The items.
        """
        parts = _split(self.text(question_id), r"[\n;,]" if at_commas else r"[\n;]")
        bare = (re.sub(r"^[-*•]\s+|^and\s+", "", part.strip()) for part in parts)
        return [part for part in bare if part]

    def names(self, question_id: str) -> list[str]:
        """Answer as names of people, first names first.

        Args:
            question_id: A question that takes text.

        Returns:
            The names; a comma in one leaves a note, as it may part two names or a surname from a first name.
        """
        names = self.items(question_id)
        with_comma = next((name for name in names if "," in name), None)
        if with_comma:
            self.notes.append(f"'{excerpt(with_comma)}' counts as one author; one to a line, first names first.")
        return names

    def words(self, question_id: str) -> list[str]:
        """Answer as a list of words: split at blanks, semicolons and commas.

        Args:
            question_id: A question that takes text.

        Returns:
            The words.
        """
        return [word for word in _split(self.text(question_id), r"[\s;,]+") if word]

    def options_in_text(self, question_id: str, options: Collection[str]) -> list[str]:
        """Answer as words of a vocabulary.

        Args:
            question_id: A question that takes text.
            options: The vocabulary.

        Returns:
            The words; one that the vocabulary does not have is complained about, with those near it.
        """
        known = {option.casefold(): option for option in options}
        words = self.items(question_id, at_commas=True)
        unknown = next((word for word in words if word.casefold() not in known), None)
        if unknown:
            near = get_close_matches(unknown.casefold(), known, 3) or known
            snippet = "\n".join(known[word] for word in near)
            self.complain(question_id, f"'{excerpt(unknown)}' is none of the words in use", snippet)
        return [known.get(word.casefold(), word) for word in words]

    def number(self, question_id: str) -> float | str | None:
        """Answer as a number.

        Args:
            question_id: A question that takes text.

        Returns:
            The number; None if there is no answer. What is no number is complained about, and stays text.
        """
        text = self.text(question_id)
        return self._number(question_id, text) if text else None

    def numbers(self, question_id: str) -> list[float | str]:
        """Answer as numbers: split at blanks, semicolons and commas.

        Args:
            question_id: A question that takes text.

        Returns:
            The numbers. What is no number is complained about, and stays text.
        """
        return [self._number(question_id, word) for word in self.words(question_id)]

    def _number(self, question_id: str, text: str) -> float | str:
        if _NUMBER.fullmatch(text):
            return float(text)
        mended = text.replace(",", ".").replace("−", "-").removesuffix("%").strip()
        message = f"'{excerpt(text)}' is no number; write digits with a point, and no unit"
        self.complain(question_id, message, mended if _NUMBER.fullmatch(mended) else "")
        return text

    def share(self, question_id: str) -> float | str | None:
        """Answer as a share from 0 to 1.

        Args:
            question_id: A question that takes text: a number, or a percentage such as "5 %".

        Returns:
            The share; None if there is no answer. What is no number is complained about, and stays text.
        """
        text = self.text(question_id) or ""
        bare = text.removesuffix("%").strip()
        is_percentage = bare != text and _NUMBER.fullmatch(bare)
        share = float(Decimal(bare) / 100) if is_percentage else self.number(question_id)
        if isinstance(share, float) and not 0 <= share <= 1:
            mended = f"{share:g} %" if 1 < share <= 100 and not is_percentage else ""
            self.complain(question_id, f"'{text}' is no share; write a number from 0 to 1, or a percentage", mended)
        return share

    def day(self, question_id: str) -> str | None:
        """Answer as a date, of which the day or the month may be unknown.

        Args:
            question_id: A question that takes text.

        Returns:
            The text; None if there is none. One that is no date is complained about.
        """
        text = self.text(question_id)
        if text:
            mended = _mended_date(text)
            if not re.fullmatch(r"(?:19|20)[0-9]{2}(?:-[0-9]{2}){0,2}", text):
                message = f"'{excerpt(text)}' is not of the form YYYY-MM-DD, YYYY-MM or YYYY"
                self.complain(question_id, message, mended if _is_date(mended) else "")
            elif not _is_date(text):
                self.complain(question_id, f"'{text}' is no day of the calendar")
        return text

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
            found = re.search(r"[0-9]{4}\.[0-9]{4,5}", text or "")
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
        bare = bare_doi(text) if text else None
        if bare and not re.fullmatch(r"10\.\d{4,9}/\S+", bare):
            self.complain(question_id, f"'{excerpt(bare)}' is no DOI; it begins with 10. and has a slash")
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
            message = f"'{excerpt(wrong[0])}' is not a head; write layer and head from 0, like L5H1"
            self.complain(question_id, message, mended if re.fullmatch(r"(L\d+H\d+(, )?)+", mended) else "")
        return words

    def head_types(self, question_id: str) -> list[str]:
        """Answer as ids of head types, found by id, name or alias.

        Args:
            question_id: A question that takes text.

        Returns:
            The ids, each once; unknown names are complained about, with those near them.
        """
        names, known = self.items(question_id, at_commas=True), HeadNames(self.registry.head_types.values())
        found = {name: known.find(name) for name in names}
        unknown = [name for name in names if len(found[name]) != 1]
        if unknown:
            mended = [known.near(name)[0] if known.near(name) else "" for name in names if name in unknown]
            snippet = "\n".join([*(name for name in names if name not in unknown), *filter(None, mended)])
            message = "; ".join(map(known.message, unknown))
            way_out = "leave out what has no entry yet; new head types come by pull request"
            self.complain(question_id, f"{message}; {way_out}", snippet)
        return list(dict.fromkeys(ids[0] for ids in found.values() if len(ids) == 1))

    def head_type(self, question_id: str) -> str | None:
        """Answer as the id of one head type.

        Args:
            question_id: A question that takes text.

        Returns:
            The id; None if there is none. More than one are complained about.
        """
        ids = self.head_types(question_id)
        if self.text(question_id) and not ids:
            self.complain(question_id, "names no head type", self.form.question(question_id).placeholder)
        if len(ids) > 1:
            self.complain(question_id, "names more than one head type; send a form for each", ids[0])
        return ids[0] if ids else None

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
            message, mended = in_plain_words(part)
            self.complain(question.id, message, mended or question.placeholder or ", ".join(question.options))

    def ask_for_words(self, question_id: str, fewest: int) -> None:
        """Complain about an answer that says nothing.

        Args:
            question_id: A question that takes text.
            fewest: Words with letters that it needs.
        """
        problem = wordless(self.form.question(question_id), self.text(question_id) or "", fewest)
        if problem:
            self.complain(question_id, problem.message, problem.snippet)


def _split(text: str | None, pattern: str) -> list[str]:
    return re.split(pattern, text) if text else []


def _mended_date(text: str) -> str:
    """Date with hyphens and leading zeros, where it is clear what is meant."""
    parts = re.fullmatch(r"([0-9]{4})[-/.]([0-9]{1,2})(?:[-/.]([0-9]{1,2}))?", text)
    return "-".join(part.zfill(2) for part in parts.groups() if part) if parts else text


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text + "0001-01-01"[len(text) :])
    except ValueError:
        return False
    return True
