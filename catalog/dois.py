"""DOIs: the plain form of what people copy from a browser."""

from __future__ import annotations

import re

_AROUND = re.compile(r"(?:https?://)?(?:(?:dx|www)\.)?doi\.org/|doi:\s*", re.IGNORECASE)


def bare_doi(text: str) -> str:
    """DOI without what stands around it.

    Args:
        text: A DOI, with or without a resolver or "doi:" in front.

    Returns:
        What is left, its letters as they were; DOIs that differ in their case alone are the same.
    """
    text = text.strip()
    around = _AROUND.match(text)
    return text[around.end() :] if around else text
