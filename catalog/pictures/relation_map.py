"""Picture of a relation on a model: layers from left to right, heads from top to bottom, one hue for each sign."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from catalog.ids import HeadName
from catalog.pictures.head_map import BELOW, OUTLINE, Layout, Scale, axes, legend, number
from catalog.pictures.picture import Picture, opening_tag
from catalog.relation_runs import RelationRun

SCALE = Scale(reach=1.0, is_signed=True)
"""Scores are shares, so that relations and models can be compared by colour."""


def draw_relation_map(run: RelationRun) -> Picture:
    """Picture of the static scores of every head; heads that are called with either sign carry an outline.

    Args:
        run: A run of a relation that is defined for the model's tokenizer.

    Returns:
        The picture. A cell has the colour of the sign with the higher score; the scale runs to 1.

    Raises:
        KeyError: the relation is not defined for the tokenizer, so nothing was scored.
    """
    layout = Layout(run.model.n_layers, run.model.n_heads)
    names = run.ranked()
    n_called = sum(map(run.is_called_at_all, names))
    caption = f"Relation {run.relation} on {run.model.name}: {n_called} of {len(names)} heads are called."
    parts = [
        opening_tag(layout.width, layout.bottom + BELOW, caption, "ha-map"),
        *_cells(run, names, layout),
        *axes(layout),
        *legend(SCALE, layout, is_any_called=n_called > 0),
        "</svg>",
    ]
    return Picture("\n".join(parts), caption)


def _cells(run: RelationRun, names: list[HeadName], layout: Layout) -> Iterator[str]:
    for name in names:
        writes, suppresses = run.score(name, "writes"), run.score(name, "suppresses")
        x, y = layout.corner(name)
        fill = SCALE.fill(writes if writes >= suppresses else -suppresses)
        is_called = run.is_called_at_all(name)
        label = escape(
            f"{name}: writes {number(writes)}, suppresses {number(suppresses)}{', called' if is_called else ''}"
        )
        outline = f" {OUTLINE}" if is_called else ""
        place = f'x="{x}" y="{y}" width="{layout.side}" height="{layout.side}"'
        yield f"<rect {place} {fill}{outline}><title>{label}</title></rect>"
