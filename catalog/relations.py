"""Relations between words, such as a country and its capital: word pairs with licence and origin, one file each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from catalog.documents import Document, Location, read_document, validate_entries
from catalog.errors import Code, InvalidDataError, Problem
from catalog.files import data_folder
from catalog.ids import HeadTypeId, PaperId
from catalog.models import Record, Text

FOLDER = "relations"
"""Folder of the files, beside papers.yaml."""
GAP = "{source}"
"""Where a prompt takes the source word."""


class Category(StrEnum):
    """Kinds of relations, as elhelo-2024-maps sorts them."""

    ALGORITHMIC = "algorithmic"
    KNOWLEDGE = "knowledge"
    LINGUISTIC = "linguistic"
    TRANSLATION = "translation"


class Licence(StrEnum):
    """SPDX ids of the terms that a list may come under: those that ask nothing of whoever passes it on."""

    CC0 = "CC0-1.0"
    PUBLIC_DOMAIN = "CC-PDDC"
    PUBLIC_DOMAIN_DEDICATION = "PDDL-1.0"


class Rule(StrEnum):
    """How the target follows from the source, where it can be computed."""

    COPY = "copy"
    FIRST_LETTER = "first letter"
    LAST_LETTER = "last letter"
    NEXT_NUMBER = "next number"

    def target(self, source: str) -> str:
        """Target of a source.

        Args:
            source: A word; for the next number, digits.

        Returns:
            The target.

        Raises:
            ValueError: a word that is no number has no next one.
        """
        match self:
            case Rule.COPY:
                return source
            case Rule.FIRST_LETTER:
                return source[0]
            case Rule.LAST_LETTER:
                return source[-1]
            case Rule.NEXT_NUMBER:
                if not re.fullmatch("[0-9]+", source):
                    raise ValueError(f"'{source}' is no number in digits, so no number follows it")
                return str(int(source) + 1)


def _check_prompt(prompt: str) -> str:
    if prompt.count(GAP) != 1 or f" {GAP}" not in prompt:
        raise ValueError(f"write {GAP} exactly once, behind a space, because words are measured with a space in front")
    return prompt


Word = Annotated[str, StringConstraints(pattern=r"^\S+$")]
Prompt = Annotated[Text, AfterValidator(_check_prompt)]


class Relation(Record):
    """Pairs of a source word and the target words that count as right, with what is needed to measure them."""

    id: HeadTypeId = Field(description="Name of the file without its ending; never changes.")
    name: Text = Field(description="Name as it is written in prose.")
    category: Category = Field(description="Kind of relation.")
    definition: Text = Field(description="What makes a target right for a source, in our own words.")
    licence: Licence = Field(description="SPDX id of the terms that the list comes under.")
    origin: Text = Field(description="How the list was made, and from what.")
    papers: list[PaperId] = Field(default=[], description="Papers of the catalogue that use the relation.")
    head_types: list[HeadTypeId] = Field(default=[], description="Head types that are defined by the relation.")
    k: int = Field(default=10, ge=1, description="A pair counts if a target is among the k largest logits.")
    prompts: list[Prompt] = Field(
        min_length=1, description="Neutral sentences with {source}, for what a head writes on text."
    )
    completions: list[Prompt] = Field(
        default=[], description="Texts with {source} whose next word should be the target, for ablation."
    )
    rule: Rule | None = Field(default=None, description="How targets follow from words; left out if pairs are given.")
    words: list[Word] = Field(default=[], description="Sources of the rule.")
    pairs: dict[Word, Annotated[list[Word], Field(min_length=1)]] = Field(
        default={}, description="Accepted targets of every source, the most usual one first."
    )

    @model_validator(mode="after")
    def _rule_or_pairs(self) -> Self:
        if bool(self.pairs) == bool(self.words):
            raise ValueError("give either pairs, or words and the rule that makes targets of them")
        if bool(self.words) != (self.rule is not None):
            raise ValueError("rule and words belong together; give both or neither")
        for word in self.words:
            self.rule and self.rule.target(word)
        return self

    @property
    def targets(self) -> dict[str, tuple[str, ...]]:
        """Accepted targets by source, whether listed or computed, in the order of the file."""
        if self.rule is None:
            return {source: tuple(accepted) for source, accepted in self.pairs.items()}
        return {word: (self.rule.target(word),) for word in self.words}

    def unseen(self, prompt: str) -> dict[str, tuple[str, ...]]:
        """Pairs that a prompt with worked examples can be asked about, because it does not show their source.

        Args:
            prompt: One of the prompts or completions.

        Returns:
            Accepted targets by source.
        """
        shown = set(re.findall(r"\w+", prompt.replace(GAP, "")))
        return {source: accepted for source, accepted in self.targets.items() if source not in shown}


def read_relation(path: Path) -> Relation:
    """Read the file of one relation.

    Args:
        path: Its YAML file.

    Returns:
        The relation.

    Raises:
        InvalidDataError: with every problem of the file.
        DataFolderError: the file cannot be read.
    """
    document = read_document(path)
    relations, problems = read_entries([document])
    if problems:
        raise InvalidDataError(problems)
    return relations[path.stem]


def read_relations(folder: Path | None = None) -> dict[str, Relation]:
    """Read the files of all relations, without the rest of the data.

    Args:
        folder: Folder with papers.yaml; left out, the one that catalog.files.data_folder finds.

    Returns:
        Relations by id, in order of id.

    Raises:
        InvalidDataError: with every problem of every file.
        DataFolderError: a file cannot be read.
    """
    relations, problems = read_entries(read_documents(data_folder(folder)))
    if problems:
        raise InvalidDataError(problems)
    return relations


def read_documents(folder: Path) -> list[Document]:
    """Files of all relations as documents, in order of name.

    Args:
        folder: Folder with papers.yaml; one without relations holds none.

    Returns:
        The documents.

    Raises:
        DataFolderError: a file cannot be read.
    """
    return [read_document(path) for path in sorted((folder / FOLDER).glob("*.yaml"))]


def read_entries(documents: Iterable[Document]) -> tuple[dict[str, Relation], list[Problem]]:
    """Relations of documents, checked one by one.

    Args:
        documents: The documents.

    Returns:
        What is right, by id, and every problem.
    """
    relations: dict[str, Relation] = {}
    problems: list[Problem] = []
    for document in documents:
        relations |= {relation.id: relation for relation in validate_entries(document, Relation)}
        problems += [*document.problems, *_check_relation(document)]
    return relations, problems


def _check_relation(document: Document) -> Iterator[Problem]:
    """What is wrong with the words of a file, and with its place."""
    if document.is_broken:
        return
    yield from _wrong_place(document)
    for position, entry in document.entries():
        yield from _repeated_words(document, (position, "words"), entry.get("words"))
        pairs = entry.get("pairs")
        for source, accepted in pairs.items() if isinstance(pairs, dict) else ():
            path = (position, "pairs", source)
            yield from _repeated_words(document, path, accepted)
            if isinstance(accepted, list) and source in accepted:
                message, mend = f"'{source}' is its own target, which every copying head gets right", "delete the pair"
                where = (*path, accepted.index(source))
                yield document.problem(where, Code.TARGET_IS_SOURCE, message, mend)


def _wrong_place(document: Document) -> Iterator[Problem]:
    """A file holds one relation, which has its name."""
    wanted = Path(document.file).stem
    if len(document.data) != 1:
        message = f"holds {len(document.data)} relations"
        yield document.problem((), Code.WRONG_FILE, message, "give each relation a file of its own")
    for position, entry in document.entries():
        found = entry.get("id")
        if isinstance(found, str) and found != wanted:
            message, mend = f"'{found}' stands in {wanted}.yaml", f"rename the file to {found}.yaml, or the relation"
            yield document.problem((position, "id"), Code.WRONG_FILE, message, mend)


def _repeated_words(document: Document, path: Location, words: Any) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, word in enumerate(words if isinstance(words, list) else ()):
        if isinstance(word, str) and first.setdefault(word, index) != index:
            message = f"'{word}' stands here for the second time"
            yield document.problem((*path, index), Code.REPEATED_WORD, message, "keep one of the two")
