"""Templates and what they print.

What papers, people and runs say is text, never markup: every value that a template prints is escaped for Markdown and
HTML at once, unless Python marked it as finished markup.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.pictures.called_map import draw_called_map
from catalog.pictures.head_map import draw_head_map
from catalog.pictures.small_map import draw_small_map
from catalog.texts import SPACE

if TYPE_CHECKING:
    from jinja2 import Environment

_MARKUP = re.compile(r"[!-+<-@\[-^`{-~]|(?<![^\W_])[-_]|[-_](?![^\W_])|(?<=\d)\.")
"""ASCII punctuation that can be markup. A hyphen or underscore inside a word cannot, nor can comma, full stop, slash or
colon, but for a full stop after a digit, which could start a numbered list."""


def escape(text: str) -> str:
    """Text that reads the same in Markdown, in HTML and inside a quoted attribute, and is markup in none of them.

    Args:
        text: Any text.

    Returns:
        One line; punctuation that could mean something is written as a character reference.
    """
    return _MARKUP.sub(lambda match: f"&#{ord(match[0])};", SPACE.sub(" ", text))


def make_environment(templates: Path) -> Environment:
    """Environment that escapes whatever a template prints and stops at a value that is missing.

    Args:
        templates: Folder of the templates.

    Returns:
        The environment, with the functions that make markup.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    def finish(value: Any) -> Markup:
        """Escape what a template prints, unless it is finished markup."""
        if value is None:
            raise ValueError("a template prints a value that is missing")
        return value if isinstance(value, Markup) else Markup(escape(str(value)))

    environment = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        finalize=finish,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {
        "quoted": lambda text: Markup(json.dumps(escape(text))),
        "lines": lambda text: Markup("\n".join(map(_escape_line, text.splitlines()))),
        "head_map": lambda run: Markup(draw_head_map(run).svg),
        "small_map": lambda run: Markup(draw_small_map(run).svg),
        "drawing": lambda picture: Markup(picture.svg),
        "called_map": lambda *parts: Markup(draw_called_map(*parts).svg),
    }
    return environment


def _escape_line(line: str) -> str:
    """One line of code: escaped, its indentation kept."""
    text = line.lstrip(" ")
    return " " * (len(line) - len(text)) + escape(text)
