"""Refusals of the models in words for people who do not know the code."""

from __future__ import annotations

import re

from pydantic_core import ErrorDetails

from catalog.texts import excerpt

_PLAIN = {
    "missing": "is needed",
    "string_too_short": "is needed",
    "too_short": "is needed, one at least",
    "greater_than": "must be above 0",
    "finite_number": "is no number that a computer can hold",
}
"""What the kinds of error of a model mean to people; what is not listed says it itself."""


def in_plain_words(error: ErrorDetails) -> tuple[str, str]:
    """What a model refused, in words that name no pattern of the code.

    Args:
        error: One error of the model.

    Returns:
        What is wrong, and what could stand there; that is empty where it is not clear.
    """
    given = excerpt(error["input"]) if isinstance(error["input"], str) else ""
    if error["type"].startswith("url"):
        mended = f"https://{given}" if re.fullmatch(r"[\w-]+(?:\.[\w-]+)+(?:/\S*)?", given) else ""
        return f"'{given}' is no address of a web page; it begins with https://", mended
    if error["type"] in _PLAIN:
        return _PLAIN[error["type"]], ""
    message = error["msg"].removeprefix("Value error, ") if error["type"] == "value_error" else "cannot stand here"
    return f"'{given}': {message}" if given else message, ""
