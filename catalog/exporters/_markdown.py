"""Text inside Markdown that people also read as plain text: escaped no more than needed, so that it stays legible."""

from __future__ import annotations

import re

from catalog.texts import one_line

_MARKUP = re.compile(r"[\\`*\[\]<>|~$]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)|^(?:[-+#=](?=\s|[-+#=])|\d+(?=[.)]))")
"""What can start markup. An underscore inside a word cannot; marks of lists and headings can at the start only."""
_IN_ADDRESS = str.maketrans({"(": "%28", ")": "%29", "\\": "%5C", "<": "%3C", ">": "%3E", " ": "%20"})


def text(words: str) -> str:
    """Words that read the same in Markdown and in plain text.

    Args:
        words: Any text.

    Returns:
        One line, with a backslash before what could be markup.
    """
    return _MARKUP.sub(_escape, one_line(words))


def link(words: str, address: str) -> str:
    """A link.

    Args:
        words: What it says.
        address: Where it leads.

    Returns:
        Markdown on one line.
    """
    return f"[{text(words)}]({one_line(address).translate(_IN_ADDRESS)})"


def _escape(found: re.Match[str]) -> str:
    """A number at the start gets its backslash before the full stop that follows it."""
    return f"{found[0]}\\" if found[0].isdigit() else f"\\{found[0]}"
