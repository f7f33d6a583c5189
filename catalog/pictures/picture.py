"""Finished pictures: shown by a notebook, written to a file as SVG or PNG."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from catalog.errors import MissingPackageError, PictureError
from catalog.files import write_bytes, write_text

SCALE = 2.0
"""Pixels of a PNG for each unit of the drawing."""

DISPLAY_SCALE = 1.3
"""How many pixels a unit may take at most on a page: small models do not fill a wide screen."""

INK, PAPER = "#1c1c1c", "#ffffff"
"""Colours of a PNG, which no page styles."""

_STYLE = re.compile(r' style="[^"]*"')
_PROPERTY = re.compile(r"var\(--[\w-]+, *([^()]+)\)")


@dataclass(frozen=True)
class Picture:
    """A finished drawing; notebooks show it, `save` writes it to a file."""

    svg: str
    caption: str
    """What it shows, in one sentence for people who cannot see it."""

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        return self.svg

    def png(self) -> bytes:
        """The drawing as pixels, dark on white.

        Returns:
            Content of a PNG file.

        Raises:
            MissingPackageError: the package that turns SVG into pixels is not installed.
        """
        try:
            import vl_convert
        except ImportError as error:
            raise MissingPackageError("vl-convert-python", "pictures") from error
        pixels: bytes = vl_convert.svg_to_png(_on_paper(self.svg), scale=SCALE)
        return pixels

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file.

        Args:
            path: The file, ending in .svg or .png; its folder is made if it is missing.

        Returns:
            The file.

        Raises:
            PictureError: another ending.
            MissingPackageError: a PNG is asked for, and the package that turns SVG into pixels is not installed.
            OSError: the file cannot be written.
        """
        path = Path(path)
        match path.suffix.lower():
            case ".svg":
                write_text(path, self.svg + "\n")
            case ".png":
                write_bytes(path, self.png())
            case ending:
                raise PictureError(f"'{path}' ends in '{ending}'; pictures are written as .svg or .png")
        return path


def side_by_side(pictures: Sequence[Picture], caption: str, n_columns: int = 2) -> Picture:
    """Several drawings as one, row by row.

    Args:
        pictures: At least one.
        caption: What they show together.
        n_columns: Drawings in a row.

    Returns:
        The drawing.

    Raises:
        PictureError: there is nothing to draw.
    """
    if not pictures:
        raise PictureError("there is nothing to draw")
    sizes = [_size(picture.svg) for picture in pictures]
    width = max(width for width, _ in sizes)
    rows = [range(start, min(start + n_columns, len(sizes))) for start in range(0, len(sizes), n_columns)]
    parts, top = [], 0.0
    for row in rows:
        for column, number in enumerate(row):
            parts.append(_placed(pictures[number].svg, sizes[number], column * width, top))
        top += max(sizes[number][1] for number in row)
    return Picture("\n".join([opening_tag(width * len(rows[0]), top, caption), *parts, "</svg>"]), caption)


def opening_tag(width: float, height: float, caption: str, classes: str = "ha-picture") -> str:
    """Start of a drawing that fills the width it is given, up to a limit, and has a name for people who cannot see it.

    Args:
        width: In units of the drawing.
        height: Likewise.
        caption: What it shows; escaped here.
        classes: For the style sheet of a page.

    Returns:
        The tag <svg ...>.
    """
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{classes}" role="img" aria-label="{escape(caption)}" '
        f'viewBox="0 0 {width:g} {height:g}" font-family="system-ui, sans-serif" font-size="11" '
        f'fill="currentColor" style="--ha-width:{width:g};display:block;width:100%;'
        f'max-width:{width * DISPLAY_SCALE:.0f}px;height:auto">'
    )


def text_at(x: float, y: float, text: object, anchor: str) -> str:
    """Text of a drawing.

    Args:
        x: Where it is anchored, in units of the drawing.
        y: Its base line.
        text: Any text; escaped here.
        anchor: "start", "middle" or "end".

    Returns:
        The element <text>.
    """
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(str(text))}</text>'


def _size(svg: str) -> tuple[float, float]:
    """Width and height in units of the drawing."""
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    if box is None:
        raise PictureError("the drawing has no viewBox that starts at 0 0, so its size is unknown")
    return float(box[1]), float(box[2])


def _placed(svg: str, size: tuple[float, float], x: float, y: float) -> str:
    """A drawing inside another one."""
    return _with_attributes(svg, f'x="{x:g}" y="{y:g}" width="{size[0]:g}" height="{size[1]:g}"')


def _on_paper(svg: str) -> str:
    """The drawing with its own colours in place of a page's, a background, and its size in units."""
    plain = _PROPERTY.sub(lambda match: match[1], svg).replace("currentColor", INK)
    width, height = _size(svg)
    size = f'width="{width:g}" height="{height:g}"'
    start, tag, rest = _with_attributes(plain, size).partition(">")
    return f'{start}{tag}<rect {size} fill="{PAPER}"/>{rest}'


def _with_attributes(svg: str, attributes: str) -> str:
    """The drawing with attributes of the tag <svg> in place of its style."""
    start, tag, rest = svg.partition(">")
    return f"{_STYLE.sub('', start)} {attributes}{tag}{rest}"
