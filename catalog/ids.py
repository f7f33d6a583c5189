"""Ids of papers, arXiv entries, heads and models: their spelling, checked in one place."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, NamedTuple, Self

from pydantic import AfterValidator, BeforeValidator, StringConstraints

from catalog.errors import ArxivIdError


class Unquoted(str):
    """A YAML scalar that stood without quotes and that YAML itself would not have read as text."""


class HeadName(NamedTuple):
    """Place of one attention head, both counted from 0; written L5H1."""

    layer: int
    head: int

    def __str__(self) -> str:
        return f"L{self.layer}H{self.head}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Head from its written form.

        Args:
            text: Such as "L5H1".

        Returns:
            Layer and head.

        Raises:
            ValueError: not of that form.
        """
        match = re.fullmatch(r"L(\d{1,4})H(\d{1,4})", text)
        if match is None:
            raise ValueError(f"'{text}' is not a head; write layer and head from 0, like L5H1")
        return cls(int(match[1]), int(match[2]))


_AROUND_ARXIV_ID = re.compile(
    r"(?:https?://)?(?:(?:www|export)\.)?arxiv\.org/(?:abs|pdf|html|format|src|e-print)/"
    r"|(?:(?:https?://)?(?:dx\.)?doi\.org/)?10\.48550/arxiv\."
    r"|arxiv:\s*",
    re.IGNORECASE,
)
_MONTH = "(?:0[1-9]|1[0-2])"
_ARXIV_ID = re.compile(
    rf"(?P<new>(?:07(?:0[4-9]|1[0-2])|(?:0[89]|1[0-4]){_MONTH})\.[0-9]{{4}}|(?:1[5-9]|[2-8][0-9]){_MONTH}\.[0-9]{{5}})"
    rf"|(?P<archive>[a-z]+(?:-[a-z]+)?)(?:\.[A-Z]{{2}})?/(?P<number>(?:9[1-9]|0[0-7]){_MONTH}[0-9]{{3}})"
)


def parse_arxiv_id(text: str) -> str:
    """Plain form of an arXiv id, from any way in which people write it.

    Args:
        text: An id, with or without "arXiv:" or a version, an address of arxiv.org, or arXiv's DOI.

    Returns:
        The id without version and without subject class, such as "2404.15574" or "math/0309136".

    Raises:
        ArxivIdError: arXiv gives no id of this form.
    """
    bare = text.strip()
    if around := _AROUND_ARXIV_ID.match(bare):
        bare = re.sub(r"[?#].*", "", bare[around.end() :]).rstrip("/").removesuffix(".pdf")
    match = _ARXIV_ID.fullmatch(re.sub(r"v[1-9][0-9]*$", "", bare))
    if match is None:
        raise ArxivIdError([text])
    return match["new"] or f"{match['archive']}/{match['number']}"


def parse_arxiv_ids(texts: Iterable[str]) -> list[str]:
    """Plain forms of arXiv ids, each once and in the order given.

    Args:
        texts: Ids in any form that `parse_arxiv_id` reads.

    Returns:
        The ids.

    Raises:
        ArxivIdError: names every text that is no arXiv id.
    """
    ids, wrong = [], []
    for text in texts:
        try:
            ids.append(parse_arxiv_id(text))
        except ArxivIdError:
            wrong.append(text)
    if wrong:
        raise ArxivIdError(wrong)
    return list(dict.fromkeys(ids))


def _check_head(text: str) -> str:
    return str(HeadName.parse(text))


def _refuse_unquoted(value: object) -> object:
    if isinstance(value, Unquoted):
        raise ValueError(f"unquoted {value}: YAML reads it as a number and may drop a zero")
    return value


def slugify(text: str) -> str:
    """Text as a file and address name.

    Args:
        text: Any text, such as a Hugging Face id.

    Returns:
        Small letters, digits and hyphens; "/" becomes "--", which stays as it is. Empty if nothing usable is left.
    """
    parts = [re.sub(r"[^a-z0-9]+", "-", part).strip("-") for part in re.split("/|--", text.lower())]
    return "--".join(part for part in parts if part)


LONGEST_ID = 80
"""Characters of the longest id: ids become names of files and pages, which most systems end at 255 bytes."""

PaperId = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z]+(?:-[a-z]+)*-(?:19|20)\d\d-[a-z0-9]+(?:-[a-z0-9]+)*$", max_length=LONGEST_ID),
]
ClaimId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$", max_length=LONGEST_ID)]
HeadTypeId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$", max_length=LONGEST_ID)]
ArxivId = Annotated[
    str,
    BeforeValidator(_refuse_unquoted),
    StringConstraints(pattern=r"^(?:\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})$"),
]
Head = Annotated[str, AfterValidator(_check_head)]
