"""Picture of a table as a grid of cells: a row and a column for each name, darker where the number is higher."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from catalog.errors import PictureError
from catalog.pictures.picture import Picture, opening_tag, text_at

CELL, TOP, GAP, LINE = 26, 42, 8, 7
COLOUR = "var(--ha-cell, #17508f)"
DARK = 0.55
"""Share of the range from which a number is written in white."""


def draw_grid(
    cells: Mapping[tuple[str, str], float], *, row_name: str, column_name: str, title: str, caption: str
) -> Picture:
    """Picture of numbers by row and column.

    Args:
        cells: Numbers by names of row and column, in the order of the picture; missing ones stay empty.
        row_name: What the rows are.
        column_name: What the columns are.
        title: Line above the picture.
        caption: What it shows, in one sentence.

    Returns:
        The picture.

    Raises:
        PictureError: there is no cell.
    """
    if not cells:
        raise PictureError(f"{title}: there is nothing to draw")
    rows, columns = ([*dict.fromkeys(key[axis] for key in cells)] for axis in (0, 1))
    left = GAP + 30 + LINE * max(map(len, rows))
    is_upright = max(map(len, columns)) > 3
    top = TOP + (LINE * max(map(len, columns)) if is_upright else 14)
    width = max(left + CELL * len(columns) + GAP, LINE * len(title) + 2 * GAP)
    height = top + CELL * len(rows) + 28
    parts = [
        opening_tag(width, height, caption, "ha-grid"),
        text_at(GAP, 16, title, "start"),
        *_names(rows, columns, left, top, is_upright=is_upright),
        *_cells(cells, rows, columns, left, top),
        text_at(left + CELL * len(columns) / 2, height - 8, column_name, "middle"),
        f'<g transform="rotate(-90 14 {top + CELL * len(rows) / 2:g})">'
        f"{text_at(14, top + CELL * len(rows) / 2, row_name, 'middle')}</g>",
        "</svg>",
    ]
    return Picture("\n".join(parts), caption)


def _names(rows: list[str], columns: list[str], left: float, top: float, *, is_upright: bool) -> Iterator[str]:
    for number, name in enumerate(rows):
        yield text_at(left - 5, top + CELL * (number + 0.5) + 4, name, "end")
    for number, name in enumerate(columns):
        x = left + CELL * (number + 0.5)
        text = text_at(x, top - 5, name, "start" if is_upright else "middle")
        yield f'<g transform="rotate(-90 {x + 4:g} {top - 5:g})">{text}</g>' if is_upright else text


def _cells(
    cells: Mapping[tuple[str, str], float], rows: list[str], columns: list[str], left: float, top: float
) -> Iterator[str]:
    low, high = min(cells.values()), max(cells.values())
    low = min(low, 0.0) if low < 0.5 * high else low
    for (row, column), value in cells.items():
        share = (value - low) / (high - low) if high > low else 1.0
        x, y = left + CELL * columns.index(column), top + CELL * rows.index(row)
        label = escape(f"{row}, {column}: {value:.3f}")
        yield (
            f'<rect x="{x:g}" y="{y:g}" width="{CELL}" height="{CELL}" fill="{COLOUR}" '
            f'fill-opacity="{0.05 + 0.95 * share:.2f}"><title>{label}</title></rect>'
        )
        colour = ' fill="var(--ha-on-cell, #ffffff)"' if share > DARK else ""
        number = f"{value:.2f}".removeprefix("0").replace("1.00", "1")
        place = f'x="{x + CELL / 2:g}" y="{y + CELL / 2 + 3:g}"'
        yield f'<text {place} text-anchor="middle" font-size="9"{colour}>{number}</text>'
