import re
import shlex
from html import unescape

import pytest

from catalog import site_pages
from catalog.experiments import Metric
from catalog.registry import Registry
from catalog.site_pages import _words

CLAIM = {
    "id": "loud",
    "form": "experiment",
    "statement": "Ponds are loud.",
    "experiment": "pond",
    "metric": "loudness",
    "at_least": 0.9,
    "reading": "As a number.",
}


def read(html):
    """Text that a reader sees of a piece of HTML."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


@pytest.fixture
def paper(make_paper):
    return make_paper(claims=[CLAIM, CLAIM | {"id": "deep", "settings": {"depth": 9}}])


@pytest.fixture
def runs(make_experiment, paper):
    """Two records under different settings; that with fewer seeds has the smaller key or the larger one."""
    few = make_experiment((1.0,), settings={"depth": 3, "is_deep": True}, seeds=[7], paper=paper.id)
    return [few, make_experiment(settings={"depth": 2, "is_deep": True}, paper=paper.id)]


@pytest.fixture
def pages(world, paper, runs):
    return site_pages.collect(Registry({paper.id: paper}, world.head_types, experiments=runs))


def test_records_of_one_experiment_share_a_page_that_with_most_seeds_first(pages, runs):
    page = pages["experiments/pond.md"]
    assert re.findall(r"^## Results: (.*?) {", page, re.M) == ["depth 2", "depth 3"]
    assert read(page).count("The pond is small.") == 1
    assert page.index(f"#record-{runs[1].key}") < page.index(f"#record-{runs[0].key}")


def test_claims_stand_beside_measurement_and_verdict(pages):
    text = read(pages["experiments/pond.md"])
    assert "Ponds are loud. Grebe and Heron, 2021 reproduced Loudness of the pond: 1 over 1 seed with depth 3;" in text
    assert "partly Loudness of the pond: 1.5 (0.52 to 2.48) over 2 seeds with depth 2; the claim asks" in text
    assert "untested No such run of the experiment pond is recorded." in text
    assert text.count("Ponds are loud.") == 2  # two claims, the first of which has two lines


def test_bars_say_what_was_measured_and_whether_they_are_reached(make_experiment):
    bars = [
        {"statement": "loud", "metric": "loudness", "at_least": 1.0, "in_seeds": 2, "remark": "the frogs slept"},
        {"statement": "Quiet.", "metric": "loudness", "at_most": 2.0},
    ]
    for loudness, outcome, count in (
        ((1.0, 2.0), "reached Loud. The frogs slept. 1.5 ± 0.71 reached in 2 of 2 seeds reached Quiet. 1.5", "2 of 2"),
        ((0.5, 2.0), "missed Loud. The frogs slept. 1.25 ± 1.1 reached in 1 of 2 seeds reached Quiet. 1.25", "1 of 2"),
    ):
        run = make_experiment(loudness, bars=bars)
        pages = site_pages.collect(Registry({}, {}, experiments=[run]))
        text = read(pages["experiments/pond.md"])
        assert outcome in text
        assert text.count(f"{count} bars reached") == 2
        assert f"1 {count} –" in read(pages["experiments/index.md"])


def test_numbers_are_rounded_and_never_written_with_an_exponent():
    metric = Metric.over_seeds("steps", [525.0, 1575.5], unit="steps")
    assert _words.measured(metric) == "1050 ± 743 steps"
    assert _words.measured(Metric(description="gap", mean=-0.123456)) == "−0.1235"
    assert _words.measured(Metric(description="gap", mean=0.0000123456)) == "0.00001235"


def test_every_figure_is_drawn_and_none_twice(pages):
    page = pages["experiments/pond.md"]
    assert (page.count('"ha-lines"'), page.count('"ha-dots"')) == (1, 1)


def test_command_gives_every_setting_and_the_seeds(pages):
    commands = [line for line in pages["experiments/pond.md"].splitlines() if "is_deep=true" in read(line)]
    words = [shlex.split(read(command)) for command in commands]
    assert " ".join(words[0]) == "headatlas experiment run pond --seeds 2 --set depth=2 --set is_deep=true"
    assert words[1][4:6] == ["--seeds", "7,"]


def test_paper_and_ledger_link_to_the_records(pages, runs):
    paper = pages["papers/grebe-2021-echo.md"]
    assert 'rebuilt here</dt><dd><a href="../experiments/pond.html">Pond</a>' in paper
    for page in (paper, pages["claims/index.md"]):
        assert all(f"../experiments/pond.html#record-{run.key}" in page for run in runs)


def test_list_says_where_there_is_nothing(pages):
    assert "Are ponds loud?" in read(pages["experiments/index.md"])
    assert "No experiment is recorded yet." in read(site_pages.collect(Registry({}, {}))["experiments/index.md"])
