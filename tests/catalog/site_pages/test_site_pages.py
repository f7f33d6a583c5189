import os
import re
from dataclasses import replace
from html import unescape

import pytest

from catalog import site_pages
from catalog.errors import SiteBuildError
from catalog.registry import Registry
from catalog.site_pages import _files, _markup


@pytest.fixture
def pages(world):
    return site_pages.collect(world)


def read(html):
    """Text that a reader sees of a piece of HTML."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def test_there_is_a_page_for_every_entry_and_the_hand_written_ones(pages):
    assert {
        "index.md",
        "about.md",
        "measuring.md",
        "assets/headatlas.css",
        "assets/headatlas.js",
        "papers/index.md",
        "papers/grebe-2021-echo.md",
        "head-types/index.md",
        "head-types/far_echo.md",
        "models/index.md",
        "models/pond-1.md",
        "models/lake-2.md",
    } <= pages.keys()


def test_home_counts_what_the_registry_holds(pages):
    assert "4 papers 3 head types 16 claims 2 models measured" in read(pages["index.md"])


def test_home_shows_the_head_type_measured_on_most_models(pages):
    assert "echo heads in Lake-2" in read(pages["index.md"])
    assert pages["index.md"].count("<title>") == 24


def test_papers_are_listed_newest_first(pages):
    order = re.findall(r'href="\.\./papers/([a-z0-9-]+)\.html"', pages["papers/index.md"])
    assert order == ["teal-2024-none", "coot-2023-hostile", "grebe-2021-echo", "heron-2020-old"]


def test_paper_says_who_wrote_the_summary_and_that_nobody_checked_it(pages):
    text = read(pages["papers/grebe-2021-echo.md"])
    assert "written by a language model and has not yet been reviewed by a person" in text


@pytest.mark.parametrize(
    ("summary", "sentence"),
    [
        ({"written_by": "language model", "reviewed_by": "Bo"}, "language model and checked against the paper by Bo."),
        ({"written_by": "person"}, "written by a person and has not yet been reviewed by a second person."),
    ],
    ids=["checked", "person"],
)
def test_other_authorships_are_said_as_they_are(make_paper, summary, sentence):
    paper = make_paper(summary={"innovation": "a", "tasks": "b", "result": "c"} | summary)
    text = site_pages.collect(Registry({paper.id: paper}, {}))["papers/grebe-2021-echo.md"]
    assert sentence in read(text)


def test_paper_lists_claims_in_their_forms(pages):
    text = read(pages["papers/grebe-2021-echo.md"])
    assert "2 named query heads in invented/pond-1" in text
    assert "L1H2 0.9 L3H0 −0.25" in text
    assert "from 0 % to 10 % of the heads of any model" in text
    assert "ablated in any model: loudness falls by at least 0.5 nats, against random heads" in text
    assert "no probe can check this. A matter of taste." in text


def test_claims_of_a_paper_lead_to_the_heads_behind_their_verdicts(world, make_effect, make_paper):
    needed = {"id": "needed", "form": "effect", "statement": "Silent.", "head_type": "echo", "metric": "loudness"}
    claims = [*make_paper().claims[:2], needed | {"direction": "falls", "effect": "loudness"}]
    paper = make_paper(claims=claims)
    papers = world.papers | {paper.id: paper}
    page = site_pages.collect(replace(world, papers=papers, effects=[make_effect(2.0)]))[f"papers/{paper.id}.md"]
    named, few, needed = page.split('<section class="ha-claim"')[1:4]
    assert 'href="../models/pond-1/L1H2.html">L1H2</a>' in named
    assert 'href="../models/pond-1.html#probe-echo">echo</a>' in few
    assert read(few).count("Called in") == 2
    assert 'href="../models/pond-1.html#effects">ablation</a>' in needed
    assert "Ablated in Pond-1: L0H1" in read(needed)
    assert 'href="../models/pond-1/L0H1.html">L0H1</a>' in needed


def test_paper_links_runs_of_its_head_types_and_its_bibtex(pages):
    page = pages["papers/grebe-2021-echo.md"]
    assert 'href="../models/lake-2.html#probe-echo"' in page
    assert "@misc{grebe-2021-echo," in read(page)


def test_head_type_puts_the_paper_to_read_first_on_top(pages):
    text = read(pages["head-types/echo.md"])
    first = text.index("read this first Echo Heads in Small Ponds")
    assert first < text.index("The Oldest Pond")


def test_head_type_shows_every_run_with_picture_and_strongest_heads(pages, world):
    page = pages["head-types/echo.md"]
    assert page.count('class="ha-map"') == 2
    assert "downloads/scores.csv" in page
    best = next(run for run in world.runs if run.model.slug == "lake-2").ranked()[0]
    assert f"{best} 0.900 ± 0.006 0.011 &lt; 0.001 yes".replace("&lt;", "<") in read(page)


def test_head_type_names_broader_and_narrower_types(pages):
    assert 'href="../head-types/far_echo.html"' in pages["head-types/echo.md"]
    assert 'href="../head-types/echo.html"' in pages["head-types/far_echo.md"]


def test_run_without_called_head_says_so(pages):
    text = read(pages["head-types/far_echo.md"])
    assert "No head is called: none of the 12 heads" in text
    assert "The 5 highest scores; no head is called" in text


def test_head_type_without_run_or_detector_says_so(pages):
    text = read(pages["head-types/ripple.md"])
    assert "No detector measures this head type yet" in text
    assert "There is no detector for this head type yet." in text


def test_head_type_gives_the_command_that_measures_it(pages):
    assert "headatlas probe run echo --model MODEL" in read(pages["head-types/echo.md"])


def test_model_has_provenance_of_every_run_and_its_called_heads(pages, world):
    page = pages["models/pond-1.md"]
    text = read(page)
    assert text.count("2026-11-22 03:04 UTC") == 2
    assert "half_length 50, first_id None" in text
    assert "cd" * 32 in text
    assert page.count('class="ha-small-map"') == 2
    echo = next(run for run in world.runs_of("pond-1") if run.probe == "echo")
    table = text.split("head detectors called by")[1]
    assert re.findall(r"(L\dH\d) 1 echo", table) == sorted(map(str, echo.called())) != []
    assert len(re.findall(r"L\dH\d 0 none", table)) == 12 - len(echo.called())


def test_runs_of_one_model_with_different_shapes_do_not_break_its_page(world, make_run):
    runs = [*world.runs, make_run(probe="ripple", n_layers=2)]
    assert "models/pond-1.md" in site_pages.collect(Registry(world.papers, world.head_types, runs))


def test_run_of_a_head_type_that_the_vocabulary_lacks_has_no_dead_link(world, make_run):
    runs = [*world.runs, make_run(probe="unheard")]
    page = site_pages.collect(Registry(world.papers, world.head_types, runs))["models/pond-1.md"]
    assert "unheard.html" not in page


def test_empty_registry_says_what_is_missing_and_gives_the_command():
    pages = site_pages.collect(Registry({}, {}))
    assert "0 papers 0 head types 0 claims 0 models measured" in read(pages["index.md"])
    for page in ("index.md", "models/index.md"):
        assert "No model has been measured here yet." in read(pages[page])
        assert "headatlas probe run induction --model MODEL" in read(pages[page])
    assert "The catalogue holds no paper yet." in read(pages["papers/index.md"])


def test_untrusted_text_is_shown_and_never_markup(pages, hostile):
    markdown = pytest.importorskip("markdown")
    converter = markdown.Markdown(
        extensions=[
            "admonition",
            "attr_list",
            "md_in_html",
            "pymdownx.details",
            "pymdownx.superfences",
            "tables",
            "toc",
        ]
    )
    for name in ("papers/coot-2023-hostile.md", "papers/index.md", "head-types/ripple.md", "head-types/index.md"):
        html = converter.reset().convert(pages[name].split("---\n", 2)[2])
        assert hostile in read(html), name
        assert "<script" not in html
        assert "javascript:" not in re.sub(r">[^<]*<", "><", html)
        assert not re.search(r"<em>|<h\d[^>]*id=\"id\"", html)


@pytest.mark.parametrize(
    "text",
    [
        "# heading",
        "1. item",
        "- item",
        "> quote",
        "    code",
        "a_b_c __d__ ---",
        "***",
        "| a | b |",
        "!!! note",
        "a\n\n# b",
        "\x02wzxhzdk:0\x03",
    ],
)
def test_escaped_text_stays_one_paragraph(text):
    markdown = pytest.importorskip("markdown")
    html = markdown.markdown(_markup.escape(text), extensions=["admonition", "tables", "attr_list"])
    assert re.fullmatch(r"<p>[^<]*</p>", html)
    assert unescape(html[3:-4]).strip() == " ".join(text.replace("\x02", " ").replace("\x03", " ").split())


def test_second_run_writes_nothing(world, tmp_path):
    assert len(site_pages.write(world, tmp_path)) == len(site_pages.collect(world))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.md")}
    assert site_pages.write(world, tmp_path) == []
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.md")} == before


def test_stale_page_goes_and_foreign_file_stays(world, tmp_path):
    site_pages.write(world, tmp_path)
    (tmp_path / "papers" / "mine.md").write_text("hand-made", encoding="utf-8")
    fewer = {name: paper for name, paper in world.papers.items() if name != "heron-2020-old"}
    changed = site_pages.write(Registry(fewer, world.head_types, world.runs), tmp_path)
    assert not (tmp_path / "papers" / "heron-2020-old.md").exists()
    assert (tmp_path / "papers" / "mine.md").exists()
    assert tmp_path / "papers" / "index.md" in changed


def test_broken_or_hostile_manifest_removes_nothing(world, tmp_path):
    outside = tmp_path / "keep.txt"
    outside.write_text("keep", encoding="utf-8")
    folder = tmp_path / "docs"
    for manifest in ('["../keep.txt"]', "not json", '{"a": 1}'):
        folder.mkdir(exist_ok=True)
        (folder / site_pages.MANIFEST).write_text(manifest, encoding="utf-8")
        site_pages.write(world, folder)
        assert outside.exists()


def test_interrupted_run_is_finished_by_the_next(world, tmp_path, monkeypatch):
    written = []

    def stop_half_way(path, text):
        if len(written) == 8:
            raise KeyboardInterrupt
        written.append(path)
        os.makedirs(path.parent, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    with monkeypatch.context() as patch:
        patch.setattr(_files, "write_text", stop_half_way)
        with pytest.raises(KeyboardInterrupt):
            site_pages.write(world, tmp_path)
    site_pages.write(Registry({}, {}), tmp_path)
    assert not list(tmp_path.glob("papers/*-*.md"))


def test_two_pages_of_one_address_are_refused(world, make_run):
    runs = [make_run(slug="index")]
    with pytest.raises(SiteBuildError, match=r"models/index\.md"):
        site_pages.collect(Registry(world.papers, world.head_types, runs))
