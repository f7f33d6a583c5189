"""Picture of composition: layers that write from left to right, layers that read from top to bottom.

One cell a pair of layers, coloured by its strongest pair of heads above the baseline; pointing at it names the pair.
"""

from collections.abc import Iterator
from html import escape

from catalog.pictures.head_map import FAINTEST, POSITIVE, number, ticks
from catalog.pictures.picture import Picture, opening_tag, text_at
from probes.circuits.composed_pairs import Composition, Pair

WIDTH = 480
LARGEST_CELL = 28
LEFT, RIGHT, TOP, BELOW = 58, 10, 40, 46


def draw_composition(found: Composition) -> Picture:
    """Picture of one kind of composition.

    Args:
        found: Scores of all pairs.

    Returns:
        The picture; full colour stands for the strongest pair.
    """
    n_layers = found.scores.shape[0]
    cell = max(6, min(LARGEST_CELL, WIDTH // n_layers))
    caption = f"{found.kind}-composition in {found.model}: " + (
        f"strongest pair {found.top(1)[0]}, random circuits {number(found.baseline)}." if len(found) else "no pair."
    )
    bottom = TOP + n_layers * cell
    parts = [
        opening_tag(LEFT + max(n_layers * cell, 280) + RIGHT, bottom + BELOW, caption, "ha-map"),
        text_at(LEFT, 16, f"{found.kind}-composition, strongest pair of heads above random", "start"),
        *_cells(strongest_by_layers(found), cell),
        *_axes(n_layers, cell, bottom),
        "</svg>",
    ]
    return Picture("\n".join(parts), caption)


def strongest_by_layers(found: Composition) -> list[Pair]:
    """The strongest pair of each two layers.

    Args:
        found: Scores of all pairs.

    Returns:
        At most one pair for each two layers, strongest first.
    """
    best: dict[tuple[int, int], Pair] = {}
    for pair in found:
        best.setdefault((pair.writer.layer, pair.reader.layer), pair)
    return list(best.values())


def _cells(pairs: list[Pair], cell: int) -> Iterator[str]:
    reach = max((pair.excess for pair in pairs), default=0.0)
    side = cell - 1
    for pair in pairs:
        x, y = LEFT + pair.writer.layer * cell, TOP + pair.reader.layer * cell
        strength = FAINTEST + (1 - FAINTEST) * (max(0.0, pair.excess) / reach if reach > 0 else 0.0)
        label = escape(f"{pair.writer} → {pair.reader}: {number(pair.score)}, {number(pair.excess)} above random")
        fill = f'fill="{POSITIVE}" fill-opacity="{strength:.2f}"'
        yield f'<rect x="{x}" y="{y}" width="{side}" height="{side}" {fill}><title>{label}</title></rect>'


def _axes(n_layers: int, cell: int, bottom: int) -> Iterator[str]:
    for layer in ticks(n_layers, cell, 40):
        yield text_at(LEFT + (layer + 0.5) * cell, bottom + 15, layer, "middle")
    for layer in ticks(n_layers, cell, 20):
        yield text_at(LEFT - 7, TOP + (layer + 0.5) * cell + 4, layer, "end")
    yield text_at(LEFT, bottom + 34, "layer that writes →", "start")
    yield text_at(LEFT, TOP - 8, "layer that reads ↓", "start")
