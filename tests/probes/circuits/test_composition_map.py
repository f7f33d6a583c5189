"""The picture of composition."""

import re

from probes import load_model
from probes.circuits.composition import composition
from probes.tiny.architectures import tiny_model


def test_picture_names_the_strongest_pair_of_each_two_layers():
    found = composition(load_model(tiny_model("llama", num_hidden_layers=3), name="a < b"))
    picture = found.plot()
    cells = re.findall(r"<title>(L\d)H\d → (L\d)H\d: ", picture.svg)
    assert sorted(cells) == [("L0", "L1"), ("L0", "L2"), ("L1", "L2")]
    best = found.top(1)[0]
    assert f"<title>{best.writer} → {best.reader}: {best.score:.3f}" in picture.svg
    assert picture.svg.count('fill-opacity="1.00"') == 1
    assert "a &lt; b" in picture.svg
    assert str(best) in picture.caption


def test_model_without_pairs_has_an_empty_picture():
    picture = composition(load_model(tiny_model("lfm2"), name="hybrid")).plot()
    assert "<rect" not in picture.svg
    assert picture.caption.endswith("no pair.")
