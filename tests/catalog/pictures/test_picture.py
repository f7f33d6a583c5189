"""Pictures as files: SVG and PNG, several in one, pairs of scores."""

import sys
import xml.etree.ElementTree as ET

import pytest

from catalog.errors import MissingPackageError, PictureError
from catalog.pictures.head_map import draw_head_map
from catalog.pictures.picture import Picture, side_by_side
from catalog.pictures.scatter import Dot, draw_scatter

SVG = "{http://www.w3.org/2000/svg}"
DOTS = [Dot("L0H0: 0.1 and 0.9", 0.1, 0.9, False, True), Dot("L0H1: <b>", 0.8, 0.7, True, True)]


def test_png_is_written_with_the_size_of_the_drawing(make_run, tmp_path):
    pytest.importorskip("vl_convert", reason="pip install 'headatlas[pictures]'")
    picture = draw_head_map(make_run())
    content = picture.save(tmp_path / "map.PNG").read_bytes()
    width = float(ET.fromstring(picture.svg).get("viewBox").split()[2])
    assert content.startswith(b"\x89PNG")
    assert int.from_bytes(content[16:20]) == 2 * width


def test_colours_of_the_page_become_plain_in_a_png(make_run, monkeypatch, tmp_path):
    drawn = []
    fake = type(sys)("vl_convert")
    fake.svg_to_png = lambda svg, scale: drawn.append(svg) or b"PNG"
    monkeypatch.setitem(sys.modules, "vl_convert", fake)
    draw_head_map(make_run()).save(tmp_path / "map.png")
    assert "var(" not in drawn[0]
    assert "currentColor" not in drawn[0]
    assert "style=" not in drawn[0]
    assert ET.fromstring(drawn[0])[0].get("fill") == "#ffffff"


def test_png_without_its_package_names_the_extra(make_run, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(MissingPackageError, match=r"headatlas\[pictures\]"):
        draw_head_map(make_run()).save(tmp_path / "map.png")
    assert list(tmp_path.iterdir()) == []


def test_unknown_ending_is_refused(make_run, tmp_path):
    with pytest.raises(PictureError, match=r"'\.jpg'.*\.svg or \.png"):
        draw_head_map(make_run()).save(tmp_path / "map.jpg")


def test_pictures_side_by_side_do_not_overlap(make_run):
    maps = [draw_head_map(make_run(n_layers=n), title=str(n)) for n in (2, 30, 4)]
    root = ET.fromstring(side_by_side(maps, "three maps").svg)
    places = [[float(inner.get(name)) for name in ("x", "y", "width", "height")] for inner in root.findall(f"{SVG}svg")]
    assert len(places) == 3
    assert places[0][0] + places[0][2] <= places[1][0]
    assert places[0][1] + places[0][3] <= places[2][1]
    assert float(root.get("viewBox").split()[3]) == places[2][1] + places[2][3]


def test_nothing_to_draw_is_refused():
    with pytest.raises(PictureError, match="nothing to draw"):
        side_by_side([], "none")


def test_drawing_without_a_size_is_refused():
    with pytest.raises(PictureError, match="viewBox"):
        side_by_side([Picture("<svg></svg>", "")], "none")


def test_scatter_has_a_dot_a_head_higher_scores_further_up_and_right():
    root = ET.fromstring(draw_scatter(DOTS, title="induction", x_name="one", y_name="other", caption="two").svg)
    dots = root.findall(f"{SVG}circle")
    assert [dot.find(f"{SVG}title").text for dot in dots] == [dot.label for dot in DOTS]
    assert float(dots[0].get("cx")) < float(dots[1].get("cx"))
    assert float(dots[0].get("cy")) < float(dots[1].get("cy"))


def test_scatter_colours_by_who_calls():
    fills = {Dot("", 0, 0, x, y).style for x in (True, False) for y in (True, False)}
    assert len(fills) == 4


def test_scatter_of_equal_scores_can_be_drawn():
    dots = [Dot("a", 0.0, 0.0, False, False)]
    assert "nan" not in draw_scatter(dots, title="", x_name="", y_name="", caption="").svg
