"""Picture of a relation: colour and outline of every head."""

from xml.etree import ElementTree

from catalog.pictures.head_map import NEGATIVE, OUTLINE, POSITIVE
from catalog.pictures.relation_map import draw_relation_map


def cell_of(picture, head):
    return next(line for line in picture.svg.splitlines() if f"<title>{head}:" in line)


def test_colour_is_that_of_the_stronger_sign_and_called_heads_have_an_outline(make_relation_run):
    picture = draw_relation_map(make_relation_run(writes={"L1H2": 30, "L3H0": 4}, suppresses={"L3H0": 20}))
    assert ElementTree.fromstring(picture.svg).get("aria-label").endswith("2 of 12 heads are called.")
    assert POSITIVE in cell_of(picture, "L1H2")
    assert NEGATIVE in cell_of(picture, "L3H0")
    assert "writes 0.100, suppresses 0.500, called" in cell_of(picture, "L3H0")
    assert [OUTLINE in cell_of(picture, head) for head in ("L1H2", "L3H0", "L0H0")] == [True, True, False]


def test_relation_that_no_head_holds_says_so(make_relation_run):
    assert "no head is called" in draw_relation_map(make_relation_run()).svg
