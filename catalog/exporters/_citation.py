"""What the formats for reference managers share: kind of publication, its year, names of authors in parts."""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from catalog.models import Paper
from catalog.texts import one_line

_PROCEEDINGS = re.compile(
    r"\b(proceedings|conference|workshop|symposium|neurips|nips|iclr|icml|acl|emnlp|naacl|eacl|aacl|coling|colm|conll"
    r"|blackboxnlp|aaai|ijcai|aistats|cvpr|iccv|eccv|interspeech|asru|icassp|kdd|sigir|facct|uai)\b",
    re.IGNORECASE,
)
_JOURNAL = re.compile(
    r"\b(journal|transactions|tmlr|jmlr|tacl|nature|patterns|pnas|national academy|letters)\b", re.IGNORECASE
)
_SUFFIX = re.compile(r"(?:Jr|Sr)\.?|I{2,3}|IV")


class Kind(Enum):
    """What sort of publication a paper is."""

    ARTICLE = "in a journal"
    CONFERENCE = "at a conference or workshop"
    WEB = "on a site that is neither"
    PREPRINT = "nowhere yet"


class Name(NamedTuple):
    """A name in the parts by which it is sorted; one that cannot be taken apart is all family name."""

    family: str
    given: str = ""
    suffix: str = ""


def kind(paper: Paper) -> Kind:
    """Sort of publication, as the words of the venue tell.

    Args:
        paper: The paper.

    Returns:
        The kind.
    """
    if not paper.venue:
        return Kind.PREPRINT
    if _JOURNAL.search(paper.venue):
        return Kind.ARTICLE
    return Kind.CONFERENCE if _PROCEEDINGS.search(paper.venue) else Kind.WEB


def year(paper: Paper) -> int:
    """Year of publication where the venue names one, else that of the first public version.

    Args:
        paper: The paper.

    Returns:
        The year.
    """
    named = re.findall(r"\b(?:19|20)\d\d\b", paper.venue or "")
    return int(named[-1]) if named else paper.year


def date_parts(paper: Paper) -> list[int]:
    """Date of publication, as far as it is known: of a published paper the year, of another also month and day.

    Args:
        paper: The paper.

    Returns:
        Year, month and day, or less.
    """
    return [int(part) for part in paper.date.split("-")] if kind(paper) is Kind.PREPRINT else [year(paper)]


def is_indivisible(name: str) -> bool:
    """Whether a name would be read wrongly: it holds a comma or an "and", or is what BibTeX prints as "et al.".

    Args:
        name: Name of a person or group.

    Returns:
        Whether to keep it in one piece.
    """
    return bool(re.search(r",|\band\b|^\W*others\W*$", name, re.IGNORECASE))


def split_name(name: str) -> Name:
    """A name in its parts: the family name is the last word, with the particles ("van", "de") in front of it.

    Args:
        name: Given name first, as the registry writes it.

    Returns:
        The parts.
    """
    words = one_line(name).split(" ")
    if len(words) == 1 or is_indivisible(name):
        return Name(one_line(name))
    suffix = words.pop() if len(words) > 2 and _SUFFIX.fullmatch(words[-1]) else ""
    particles = (place for place, word in enumerate(words[1:-1], 1) if word[0].islower())
    start = next(particles, len(words) - 1)
    return Name(" ".join(words[start:]), " ".join(words[:start]), suffix)


def keywords(paper: Paper) -> list[str]:
    """Head types and controlled words of a paper, each once.

    Args:
        paper: The paper.

    Returns:
        The words.
    """
    heads = [f"{name.replace('_', ' ')} head" for name in paper.head_types]
    return list(dict.fromkeys([*heads, *paper.tags.methods, *paper.tags.domains]))
