import xml.etree.ElementTree as ET

import pytest

from catalog.ids import HeadName
from catalog.pictures.head_map import draw_head_map, number

SVG = "{http://www.w3.org/2000/svg}"


def cells(svg):
    """Cells of a picture by the head that their title names."""
    rectangles = [rect for rect in ET.fromstring(svg).iter(f"{SVG}rect") if rect.find(f"{SVG}title") is not None]
    return {rect.find(f"{SVG}title").text.split(":")[0]: rect for rect in rectangles}


@pytest.mark.parametrize("shape", [(1, 1), (4, 3), (30, 9), (126, 128)], ids=str)
def test_every_head_has_a_cell_inside_the_picture(make_run, shape):
    root = ET.fromstring(draw_head_map(make_run(n_layers=shape[0], n_heads=shape[1])).svg)
    _, _, width, height = map(float, root.get("viewBox").split())
    found = cells(ET.tostring(root, encoding="unicode"))
    assert len(found) == shape[0] * shape[1]
    for cell in found.values():
        assert 0 <= float(cell.get("x")) <= width - float(cell.get("width"))
        assert 0 <= float(cell.get("y")) <= height - float(cell.get("height"))


def test_layers_run_to_the_right_and_heads_down(make_run):
    found = cells(draw_head_map(make_run()).svg)
    assert float(found["L1H0"].get("x")) > float(found["L0H0"].get("x"))
    assert found["L1H0"].get("y") == found["L0H0"].get("y")
    assert float(found["L0H1"].get("y")) > float(found["L0H0"].get("y"))


def test_title_of_a_cell_gives_score_error_null_and_call(make_run):
    run = make_run()
    best = run.ranked()[0]
    titles = {name: cell.find(f"{SVG}title").text for name, cell in cells(draw_head_map(run).svg).items()}
    assert titles[str(best)] == f"{best}: 0.900 ± 0.006, null 0.011, called"
    assert not titles[str(run.ranked()[-1])].endswith("called")


def test_called_heads_and_only_they_are_outlined(make_run):
    run = make_run()
    outlined = {name for name, cell in cells(draw_head_map(run).svg).items() if cell.get("stroke")}
    assert outlined == {str(name) for name in run.called()} != set()


def test_higher_score_is_stronger_colour(make_run):
    run = make_run()
    found = cells(draw_head_map(run).svg)
    strengths = [float(found[str(name)].get("fill-opacity")) for name in run.ranked()]
    assert strengths == sorted(strengths, reverse=True)


def test_effects_scale_to_the_largest_and_negative_ones_change_hue(make_run):
    run = make_run(n_layers=1, n_heads=3, family="causal", unit="nats", scores=[[4.0, -1.0, 0.0]])
    up, down, none = (cells(draw_head_map(run).svg)[f"L0H{head}"] for head in range(3))
    assert (up.get("fill-opacity"), down.get("fill-opacity"), none.get("fill-opacity")) == ("1.00", "0.30", "0.07")
    assert up.get("fill") == none.get("fill") != down.get("fill")


def test_scores_that_are_all_zero_can_be_drawn(make_run):
    assert cells(draw_head_map(make_run(n_layers=1, n_heads=2, family="causal", scores=[[0.0, 0.0]])).svg)


def test_picture_without_called_head_says_so(make_run):
    picture = draw_head_map(make_run(level=0.3))
    assert "no head is called" in picture.caption
    assert ">no head is called<" in picture.svg


def test_picture_has_a_name_for_people_who_cannot_see_it(make_run):
    root = ET.fromstring(draw_head_map(make_run()).svg)
    assert root.get("role") == "img"
    assert "4 layers × 3 heads: 2 heads are called; highest score 0.900" in root.get("aria-label")


def test_text_of_a_run_is_escaped(make_run, hostile):
    run = make_run()
    run = run.model_copy(update={"model": run.model.model_copy(update={"name": hostile})})
    picture = draw_head_map(run, title=hostile)
    root = ET.fromstring(picture.svg)
    assert hostile in root.get("aria-label")
    assert root.find(f"{SVG}text").text == hostile
    assert "<script" not in picture.svg


def test_notebook_and_file_get_the_same_picture(make_run, tmp_path):
    picture = draw_head_map(make_run())
    assert picture._repr_svg_() == picture._repr_html_() == picture.svg
    assert picture.save(tmp_path / "new" / "map.svg").read_text(encoding="utf-8") == picture.svg + "\n"


@pytest.mark.parametrize(("value", "text"), [(0.88249, "0.882"), (-1.5, "−1.500"), (-0.0001, "0.000")])
def test_number_has_three_decimals_and_no_negative_zero(value, text):
    assert number(value) == text


def test_cell_label_matches_the_run(make_run):
    run = make_run(n_layers=1, n_heads=1, scores=[[0.25]])
    assert cells(draw_head_map(run).svg).keys() == {str(HeadName(0, 0))}
