from xml.etree import ElementTree

import pytest

from catalog.ids import HeadName
from catalog.pictures.called_map import draw_called_map

SVG = {"svg": "http://www.w3.org/2000/svg"}


@pytest.fixture
def drawn(make_run):
    called = {HeadName(0, 0): ["echo", "ripple"], HeadName(0, 1): [], HeadName(1, 1): ["echo"]}
    return draw_called_map(make_run(n_layers=2, n_heads=2).model, called, lambda name: f"pond-1/{name}.html")


def test_each_head_is_a_link_that_says_what_it_is_called(drawn):
    links = ElementTree.fromstring(drawn.svg).findall("svg:a", SVG)
    assert [(link.get("href"), link.find("svg:rect/svg:title", SVG).text) for link in links] == [
        ("pond-1/L0H0.html", "L0H0: echo, ripple"),
        ("pond-1/L0H1.html", "L0H1: called by no detector"),
        ("pond-1/L1H1.html", "L1H1: echo"),
    ]


def test_head_that_is_called_more_often_is_darker(drawn):
    cells = ElementTree.fromstring(drawn.svg).findall("svg:a/svg:rect", SVG)
    twice, never, once = (float(cell.get("fill-opacity")) for cell in cells)
    assert 0 < never < once < twice == 1


def test_caption_counts_the_called_heads(drawn):
    assert drawn.caption == "2 of 3 heads of Pond-1 are called by a detector; one by 2 of them."


def test_links_do_not_hide_behind_the_role_of_a_picture(drawn):
    assert ElementTree.fromstring(drawn.svg).get("role") == "group"


def test_nothing_called_can_be_drawn(make_run):
    assert "0 of 1 heads" in draw_called_map(make_run().model, {HeadName(0, 0): []}, str).caption
