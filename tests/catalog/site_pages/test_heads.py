import re
from html import unescape

import pytest

from catalog import site_pages
from catalog.registry import Registry


def read(html):
    """Text that a reader sees of a piece of HTML."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


@pytest.fixture
def strongest(world):
    """Strongest head of Pond-1 under echo."""
    return next(run for run in world.runs_of("pond-1") if run.probe == "echo").ranked()[0]


@pytest.fixture
def pages(world):
    return site_pages.collect(world)


def test_every_head_of_every_model_has_a_page(pages):
    names = [name for name in pages if re.fullmatch(r"models/(pond-1|lake-2)/L\dH\d\.md", name)]
    assert len(names) == 4 * 3 + 8 * 3


def test_head_shows_score_error_null_q_rank_and_call_of_every_detector(pages, strongest):
    text = read(pages[f"models/pond-1/{strongest}.md"])
    assert "echo yes 0.900 ± 0.006 1 100 0.011 < 0.001 probability" in text
    assert re.search(r"far_echo no \S+ ± 0\.006 \d+ \d+ 0\.011 \S+( \S+)? probability", text)
    assert "called echo head" in text


def test_head_that_nothing_calls_says_so(pages, world):
    runs = world.runs_of("pond-1")
    name = next(name for name in runs[0].heads() if not any(run.is_called(name) for run in runs))
    assert "nothing: no detector calls this head" in read(pages[f"models/pond-1/{name}.md"])


def test_first_and_last_head_have_one_neighbour(pages):
    assert 'rel="prev"' not in pages["models/pond-1/L0H0.md"]
    assert 'href="L0H1.html" rel="next"' in pages["models/pond-1/L0H0.md"]
    assert 'href="L3H1.html" rel="prev"' in pages["models/pond-1/L3H2.md"]
    assert 'rel="next"' not in pages["models/pond-1/L3H2.md"]


def test_claim_that_names_the_head_stands_on_its_page(pages):
    named = read(pages["models/pond-1/L1H2.md"])
    assert "Two heads echo. Grebe and Heron, 2021, published echo score 0.9" in named
    assert "No claim of the catalogue names this head." in read(pages["models/pond-1/L1H1.md"])


def test_head_without_ablation_has_no_section_of_them(pages):
    assert "#effects" not in pages["models/pond-1/L1H2.md"]


def test_ablation_stands_on_the_pages_of_its_heads(world, make_effect):
    effect = make_effect(2.0, heads=["L1H2"])
    registry = Registry(world.papers, world.head_types, world.runs, effects=[effect])
    pages = site_pages.collect(registry)
    assert effect.metric in read(pages["models/pond-1/L1H2.md"])
    assert "#effects" not in pages["models/pond-1/L1H1.md"]


def test_heads_are_kept_out_of_the_search(pages):
    assert "search:\n  exclude: true\n" in pages["models/pond-1/L1H2.md"]
