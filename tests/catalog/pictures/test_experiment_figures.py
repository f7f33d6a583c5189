"""Pictures of experiments: every number has its place, and a record is all that is needed."""

import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from catalog.errors import PictureError
from catalog.experiments import Curve
from catalog.pictures.experiment_figures import draw
from catalog.pictures.grid_chart import draw_grid
from catalog.pictures.line_chart import draw_lines

SVG = "{http://www.w3.org/2000/svg}"


def elements(picture, tag):
    return list(ElementTree.fromstring(picture.svg).iter(SVG + tag))


def titles(picture):
    return [element.text for element in elements(picture, "title")]


def test_every_kind_of_figure_is_drawn(make_experiment):
    run = make_experiment()
    assert {figure.kind for figure in run.figures.values()} == {"curves", "scatter", "grid"}
    for name, figure in run.figures.items():
        picture = draw(run, name)
        assert ElementTree.fromstring(picture.svg).get("aria-label") == picture.caption
        assert picture.caption.endswith(figure.caption)
        assert figure.title in picture.svg


def test_unknown_figure_names_those_there_are(make_experiment):
    with pytest.raises(PictureError, match="unknown figure 'ripple': did you mean ripples"):
        draw(make_experiment(), "ripple")


def test_curves_lie_where_their_numbers_say_with_a_gap_where_one_is_missing():
    curves = [
        Curve(name="low", x=[0, 1, 2, 3], y=[0.0, None, 0.5, 1.0]),
        Curve(name="low", seed=1, x=[0, 3], y=[1.0, 0.0]),
    ]
    picture = draw_lines(curves, x_name="step", y_name="share", title="t", caption="c")
    paths = [path.get("d") for path in elements(picture, "path")][:2]
    assert paths[0].count("M") == 2
    assert paths[0].count("L") == 1
    (start, end) = re.findall(r"[ML]([\d.]+) ([\d.]+)", paths[1])
    assert float(start[0]) < float(end[0])
    assert float(start[1]) < float(end[1])  # from the top down
    assert titles(picture) == ["low", "low, seed 1"]


@pytest.mark.parametrize("names", [["a"], ["north", "south", "east", "west", "up"], ["x" * 80, "y"]], ids=len)
def test_legend_stands_below_the_axes_inside_the_picture(names):
    curves = [Curve(name=name, x=[0, 1], y=[0.0, 1.0]) for name in names]
    picture = draw_lines(curves, x_name="step", y_name="share", title="t", caption="c")
    _, _, width, height = map(float, ElementTree.fromstring(picture.svg).get("viewBox").split())
    texts = {text.text: (float(text.get("x")), float(text.get("y"))) for text in elements(picture, "text")}
    for name in names:
        x, y = texts[name]
        assert texts["step"][1] < y < height
        assert x + 6 * len(name) < width
    assert len({texts[name] for name in names}) == len(names)


def test_figure_of_one_seed_leaves_the_others_out(make_experiment):
    assert titles(draw(make_experiment(), "ripples")) == ["north, seed 0"]


def test_dots_without_a_number_are_left_out(make_experiment):
    assert titles(draw(make_experiment(), "shores_scatter")) == ["seed 0, shore north"]


def test_grid_has_a_cell_for_each_number_and_panels_side_by_side(make_experiment):
    picture = draw(make_experiment(), "swaps")
    assert [text.text for text in elements(picture, "text")].count("seed 0") == 1
    assert "a, b: 0.250" in titles(picture)
    assert len(titles(picture)) == 4


def test_names_of_cells_are_escaped_and_nothing_is_no_picture():
    names = {"row_name": "r", "column_name": "c", "title": "t<", "caption": "a & b"}
    picture = draw_grid({("<x>", "y"): 1.0, ("<x>", "longer"): 0.0}, **names)
    assert "<x>, y: 1.000" in titles(picture)
    with pytest.raises(PictureError, match="nothing to draw"):
        draw_grid({}, **names)


def test_pictures_need_no_torch():
    code = "import sys; sys.modules['torch'] = None; import catalog.pictures.experiment_figures"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
