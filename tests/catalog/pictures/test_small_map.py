import re
from xml.etree import ElementTree

from catalog.pictures.small_map import N_STRENGTHS, draw_small_map

PATHS = "{http://www.w3.org/2000/svg}path"


def cells(path):
    return [(int(x) // 6, int(y) // 6) for x, y in re.findall(r"M(\d+) (\d+)", path.get("d"))]


def test_every_head_is_drawn_once_in_few_shades(make_run):
    run = make_run(n_layers=8)
    paths = ElementTree.fromstring(draw_small_map(run).svg).findall(PATHS)
    assert sorted(cell for path in paths for cell in cells(path)) == [(n.layer, n.head) for n in run.heads()]
    assert len(paths) <= N_STRENGTHS + 1


def test_strongest_head_has_the_strongest_shade_and_negative_ones_another_colour(make_run):
    run = make_run(n_layers=1, n_heads=3).model_copy(update={"scores": [[1.0, 0.0, -0.5]]})
    paths = ElementTree.fromstring(draw_small_map(run).svg).findall(PATHS)
    by_cell = {cells(path)[0][1]: (path.get("fill"), float(path.get("fill-opacity"))) for path in paths}
    assert by_cell[1][1] < by_cell[2][1] < by_cell[0][1] == 1
    assert by_cell[2][0] != by_cell[0][0] == by_cell[1][0]
