"""Small picture of a run, for a page that shows many: the pattern of a head map without numbers, a few kilobytes."""

from __future__ import annotations

from catalog.ids import HeadName
from catalog.pictures.head_map import FAINTEST, NEGATIVE, POSITIVE, describe, reach_of
from catalog.pictures.picture import Picture, opening_tag
from catalog.runs import ProbeRun

N_STRENGTHS = 8
"""Shades of one colour; heads of one shade are drawn together."""
CELL, SIDE = 6, 5
"""Side of a cell with and without the gap to the next, in units of the drawing."""


def draw_small_map(run: ProbeRun) -> Picture:
    """Picture of the scores of a run in a few shades, layers from left to right, heads from top to bottom.

    Args:
        run: The run.

    Returns:
        The picture; the scale is that of `catalog.pictures.head_map.draw_head_map`.
    """
    n_layers, n_heads = run.model.n_layers, run.model.n_heads
    reach = reach_of(run)
    shades: dict[tuple[str, int], list[HeadName]] = {}
    for name in run.heads():
        score = run.score(name)
        shade = round(N_STRENGTHS * min(1.0, abs(score) / reach))
        shades.setdefault((NEGATIVE if score < 0 and shade else POSITIVE, shade), []).append(name)
    caption = describe(run)
    parts = [
        opening_tag(n_layers * CELL, n_heads * CELL, caption, "ha-small-map"),
        *(_path(names, fill, shade) for (fill, shade), names in sorted(shades.items())),
        "</svg>",
    ]
    return Picture("\n".join(parts), caption)


def _path(names: list[HeadName], fill: str, shade: int) -> str:
    cells = "".join(f"M{name.layer * CELL} {name.head * CELL}h{SIDE}v{SIDE}h-{SIDE}z" for name in names)
    strength = FAINTEST + (1 - FAINTEST) * shade / N_STRENGTHS
    return f'<path fill="{fill}" fill-opacity="{strength:.2f}" d="{cells}"/>'
