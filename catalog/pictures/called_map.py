"""Picture of what the heads of a model are called: one cell a head, darker the more often, a link to its page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape

from catalog.ids import HeadName
from catalog.pictures.head_map import BELOW, FAINTEST, LEFT, N_SWATCHES, POSITIVE, Layout, axes
from catalog.pictures.picture import Picture, opening_tag, text_at
from catalog.runs import MeasuredModel


def draw_called_map(
    model: MeasuredModel, called: Mapping[HeadName, Sequence[str]], address: Callable[[HeadName], str]
) -> Picture:
    """Picture of the heads of a model.

    Args:
        model: The model.
        called: What each head is called; a head that is not in it gets no cell.
        address: Where the page of a head is.

    Returns:
        The picture. Its links cannot be reached with the tabulator key, of which there would be hundreds: put a list of
        the same links beside it.
    """
    layout = Layout(model.n_layers, model.n_heads)
    most = max(map(len, called.values()), default=0)
    n_called = sum(1 for names in called.values() if names)
    caption = f"{n_called} of {len(called)} heads of {model.name} are called by a detector; one by {most} of them."
    parts = [
        opening_tag(layout.width, layout.bottom + BELOW, caption, "ha-map").replace('role="img"', 'role="group"'),
        *(_cell(name, names, layout, most, address(name)) for name, names in called.items()),
        *axes(layout),
        *_legend(layout, most),
        "</svg>",
    ]
    return Picture("\n".join(parts), caption)


def _cell(name: HeadName, names: Sequence[str], layout: Layout, most: int, address: str) -> str:
    x, y = layout.corner(name)
    label = escape(f"{name}: {', '.join(names) or 'called by no detector'}")
    return (
        f'<a href="{escape(address)}" tabindex="-1"><rect x="{x}" y="{y}" width="{layout.side}" '
        f'height="{layout.side}" {_fill(len(names), most)}><title>{label}</title></rect></a>'
    )


def _fill(count: int, most: int) -> str:
    strength = FAINTEST + (1 - FAINTEST) * (count / most if most else 0)
    return f'fill="{POSITIVE}" fill-opacity="{strength:.2f}"'


def _legend(layout: Layout, most: int) -> Iterator[str]:
    """Swatches from no detector to as many as call one head."""
    y = layout.bottom + 32
    counts = sorted({round(step * most / (N_SWATCHES - 1)) for step in range(N_SWATCHES)})
    yield text_at(LEFT - 7, y + 11, "calls", "end")
    yield text_at(LEFT + 12, y + 11, 0, "middle")
    for index, count in enumerate(counts):
        yield f'<rect x="{LEFT + 28 + index * 16}" y="{y}" width="14" height="14" {_fill(count, most)}/>'
    yield text_at(LEFT + 34 + len(counts) * 16, y + 11, most, "start")
