"""Parts that the CSV formats share: cells that no spreadsheet runs, and the line ends of RFC 4180."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

from catalog.texts import one_line

_FORMULA = re.compile(r"'*[=+\-@＝＋－＠]")
"""Start of what a spreadsheet may run. Apostrophes in front are counted in, so that ours can be told from them."""


def guard(text: str) -> str:
    """Text that no spreadsheet takes for a formula.

    Args:
        text: Any text.

    Returns:
        One line, with an apostrophe in front where the text starts like a formula.
    """
    line = one_line(text)
    return f"'{line}" if _FORMULA.match(line) else line


def table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A CSV file.

    Args:
        columns: Names of the columns.
        rows: Cells of each row; texts are guarded, numbers are not.

    Returns:
        The text of the file.
    """
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(columns)
    writer.writerows([guard(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return file.getvalue()
