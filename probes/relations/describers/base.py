"""What a describer gets and gives, and what the describers that ask a language model share."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from catalog.head_operations import Description, HeadRelation, SalientToken
from probes.errors import DescriberError

LONGEST = 400
"""Characters of the longest description that is taken."""

MOST_SHOWN = 60
"""Characters of an unusable answer that an error shows."""


@dataclass(frozen=True)
class Evidence:
    """What is known of a head by its weights."""

    head: str
    salient: Sequence[SalientToken]
    relations: Sequence[HeadRelation]
    """Relations whose score stands out, highest first."""


@runtime_checkable
class Describer(Protocol):
    """Puts into words what a head does."""

    def describe(self, evidence: Evidence) -> Description:
        """A description.

        Args:
            evidence: What is known of the head.

        Returns:
            The description.

        Raises:
            DescriberError: a language model was asked and gave no usable answer.
        """


def prompt_for(evidence: Evidence) -> str:
    """What a language model is asked about a head.

    Args:
        evidence: What is known of the head.

    Returns:
        The prompt; it asks for JSON with one key, "description".
    """
    lines = [f"{one.token!r} -> raises {one.raised}, lowers {one.lowered}" for one in evidence.salient]
    return "\n".join(
        (
            "An attention head of a language model turns tokens into changes of the next token's scores.",
            "For its strongest input tokens, these are the output tokens that it raises and lowers most:",
            *lines,
            "Is there a rule that most of these lines follow? Say in one sentence which inputs the head responds to",
            'and what it does with them. If there is no clear rule, say "Unclear".',
            'Answer with JSON only: {"description": "..."}',
        )
    )


def description_in(answer: str, who: str) -> str:
    """The description in the answer of a language model.

    Args:
        answer: What it said; text around the JSON is passed over.
        who: The model, for the error.

    Returns:
        The description.

    Raises:
        DescriberError: there is no JSON with a description of sensible length in it.
    """
    start, end = answer.find("{"), answer.rfind("}")
    try:
        found = json.loads(answer[start : end + 1])["description"]
    except (ValueError, KeyError, TypeError):
        found = None
    if not isinstance(found, str) or not 0 < len(found.strip()) <= LONGEST:
        shown = answer.strip()[:MOST_SHOWN] or "nothing"
        raise DescriberError(who, f"no JSON with a description of up to {LONGEST} characters, but {shown!r}")
    return " ".join(found.split())
