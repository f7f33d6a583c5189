"""Picture of a whole model under one probe: layers from left to right, heads from top to bottom, one cell a head.

Plain SVG from plain numbers, so that the same picture serves a page, a notebook and a file. Colours come from custom
properties with a fallback: a page may set --ha-cell and --ha-cell-negative for its light and its dark scheme.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from catalog.ids import HeadName
from catalog.pictures.picture import Picture, opening_tag, text_at
from catalog.runs import ProbeRun, at
from catalog.texts import minus

GRID_WIDTH = 540
LARGEST_CELL = 20
SMALLEST_CELL = 6
SMALLEST_WIDTH = 330
LEFT, RIGHT, TOP = 58, 10, 24
BELOW = 56
"""Room under the grid for the layer numbers and the legend."""
TICK_STEPS = (1, 2, 5, 10, 20, 50, 100)
FAINTEST = 0.07
"""Opacity of a head that scores nothing, so that every head can be seen and pointed at."""
BOUNDED_UNITS = {"probability", "share"}
"""Units whose scores reach at most 1, so that models can be compared by colour."""
POSITIVE = "var(--ha-cell, #17508f)"
NEGATIVE = "var(--ha-cell-negative, #b4471f)"
OUTLINE = 'stroke="currentColor" stroke-width="1.6"'
N_SWATCHES = 5


@dataclass(frozen=True)
class Scale:
    """How a score becomes a colour: full strength at `reach`, one hue for each sign."""

    reach: float
    is_signed: bool

    def fill(self, score: float) -> str:
        """Colour of a score, as attributes of an element."""
        strength = FAINTEST + (1 - FAINTEST) * min(1.0, abs(score) / self.reach)
        return f'fill="{NEGATIVE if score < 0 else POSITIVE}" fill-opacity="{strength:.2f}"'

    def swatches(self) -> list[float]:
        """Scores that the legend shows, lowest first."""
        lowest = -self.reach if self.is_signed else 0.0
        return [lowest + (self.reach - lowest) * step / (N_SWATCHES - 1) for step in range(N_SWATCHES)]


@dataclass(frozen=True)
class Layout:
    """Where things stand, in units of the view box."""

    n_layers: int
    n_heads: int
    top: int = TOP

    @property
    def cell(self) -> int:
        """Side of a cell with the gap to the next."""
        return max(SMALLEST_CELL, min(LARGEST_CELL, GRID_WIDTH // self.n_layers))

    @property
    def side(self) -> int:
        """Side of a drawn cell; the rest is the gap to the next."""
        return self.cell - (2 if self.cell > 9 else 1)

    @property
    def width(self) -> int:
        """Width of the whole drawing."""
        return max(SMALLEST_WIDTH, LEFT + self.n_layers * self.cell + RIGHT)

    @property
    def bottom(self) -> int:
        """Where the grid ends."""
        return self.top + self.n_heads * self.cell

    def corner(self, name: HeadName) -> tuple[int, int]:
        """Upper left corner of a head's cell."""
        return LEFT + name.layer * self.cell, self.top + name.head * self.cell

    def middle(self, index: int) -> float:
        """Middle of a cell, counted from the edge of the grid."""
        return index * self.cell + self.side / 2


def draw_head_map(run: ProbeRun, title: str | None = None) -> Picture:
    """Picture of the scores of every head of a run; called heads carry an outline.

    Args:
        run: The run.
        title: Line to print above the picture; left out, the page or notebook around it says what it shows.

    Returns:
        The picture. Its colour scale runs to 1 for probabilities and shares, so that models can be compared, and to
        the largest score for other units.
    """
    caption = describe(run)
    layout = Layout(run.model.n_layers, run.model.n_heads, TOP + (24 if title else 0))
    scale = Scale(reach_of(run), min(map(run.score, run.heads())) < 0)
    height = layout.bottom + BELOW
    parts = [
        opening_tag(layout.width, height, caption, "ha-map"),
        *([text_at(LEFT, 16, title, "start")] if title else []),
        *_cells(run, scale, layout),
        *axes(layout),
        *legend(scale, layout, is_any_called=bool(run.called())),
        "</svg>",
    ]
    return Picture("\n".join(parts), caption)


def reach_of(run: ProbeRun) -> float:
    """Score that gets the full strength of a colour.

    Args:
        run: The run.

    Returns:
        1 for probabilities and shares, the largest absolute score for other units.
    """
    if run.unit in BOUNDED_UNITS:
        return 1.0
    return max(abs(run.score(name)) for name in run.heads()) or 1.0


def describe(run: ProbeRun) -> str:
    """What the picture of a run shows, in one sentence for people who cannot see it.

    Args:
        run: The run.

    Returns:
        Plain text, not escaped.
    """
    shape = f"{run.model.n_layers} layers × {run.model.n_heads} heads"
    best = run.ranked()[0]
    score = number(run.score(best))
    return f"Probe {run.probe} on {run.model.name}, {shape}: {_n_called(run)}; highest score {score} at {best}."


def number(value: float) -> str:
    """Number with three decimals, a true minus sign and no negative zero.

    Args:
        value: A finite number.

    Returns:
        Such as "0.882" or "−1.500".
    """
    return minus(f"{value:.3f}".replace("-0.000", "0.000"))


def _n_called(run: ProbeRun) -> str:
    n_called = len(run.called())
    match n_called:
        case 0:
            return "no head is called"
        case 1:
            return "1 head is called"
        case _:
            return f"{n_called} heads are called"


def _cells(run: ProbeRun, scale: Scale, layout: Layout) -> Iterator[str]:
    side = layout.side
    for name in run.heads():
        x, y = layout.corner(name)
        fill = scale.fill(run.score(name))
        outline = f" {OUTLINE}" if run.is_called(name) else ""
        label = escape(cell_label(run, name))
        yield f'<rect x="{x}" y="{y}" width="{side}" height="{side}" {fill}{outline}><title>{label}</title></rect>'


def cell_label(run: ProbeRun, name: HeadName) -> str:
    """What one cell says when it is pointed at.

    Args:
        run: The run.
        name: The head.

    Returns:
        Such as "L18H6: 0.882 ± 0.006, null 0.011, called".
    """
    score, error = number(run.score(name)), number(at(run.standard_errors, name))
    called = ", called" if run.is_called(name) else ""
    return f"{name}: {score} ± {error}, null {number(at(run.null_scores, name))}{called}"


def axes(layout: Layout) -> Iterator[str]:
    """Numbers of layers and heads beside the grid.

    Args:
        layout: Where things stand.

    Yields:
        Elements of the drawing.
    """
    for layer in ticks(layout.n_layers, layout.cell, 40):
        yield text_at(LEFT + layout.middle(layer), layout.bottom + 15, layer, "middle")
    for head in ticks(layout.n_heads, layout.cell, 20):
        yield text_at(LEFT - 7, layout.top + layout.middle(head) + 4, head, "end")
    yield text_at(LEFT - 7, layout.top - 9, "head", "end")
    yield text_at(LEFT - 7, layout.bottom + 15, "layer", "end")


def ticks(count: int, cell: int, room: int) -> range:
    """Numbers to write along an axis.

    Args:
        count: Cells along it.
        cell: Size of a cell.
        room: Least distance of two numbers, in the same unit.

    Returns:
        From 0, in steps of 1, 2, 5, 10, ...
    """
    step = next((step for step in TICK_STEPS if step * cell >= room), TICK_STEPS[-1])
    return range(0, count, step)


def legend(scale: Scale, layout: Layout, *, is_any_called: bool) -> Iterator[str]:
    """Swatches of the scale below the grid, and what an outline means.

    Args:
        scale: The scale.
        layout: Where things stand.
        is_any_called: Whether an outline stands anywhere.

    Yields:
        Elements of the drawing.
    """
    y = layout.bottom + 32
    low, high = scale.swatches()[0], scale.swatches()[-1]
    yield text_at(LEFT - 7, y + 11, "score", "end")
    yield text_at(LEFT + 12, y + 11, minus(f"{low:.2g}"), "middle")
    for index, score in enumerate(scale.swatches()):
        yield f'<rect x="{LEFT + 28 + index * 16}" y="{y}" width="14" height="14" {scale.fill(score)}/>'
    yield text_at(LEFT + 122, y + 11, f"{high:.2g}", "middle")
    if not is_any_called:
        yield text_at(LEFT + 150, y + 11, "no head is called", "start")
        return
    yield f'<rect x="{LEFT + 150}" y="{y}" width="14" height="14" fill="none" {OUTLINE}/>'
    yield text_at(LEFT + 172, y + 11, "called", "start")
