import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.exporters import _markdown, llms_txt, reading_list
from catalog.registry import Registry


def render(text):
    converter = pytest.importorskip("markdown_it").MarkdownIt("commonmark", {"html": True})
    return converter.render(text)


@pytest.mark.parametrize(
    "text",
    [
        "# h",
        "1. item",
        "2) item",
        "- item",
        "+ item",
        "> q",
        "a_b_c __d__ ---",
        "***",
        "---",
        "===",
        "`c` | *s* ~~x~~",
        "<script>x</script>",
        "[a](javascript:b)",
        "![a](b)",
        "&lt; &#60; AT&T",
        "\\*x\\*",
        "a\n\n# b",
        "$k$ ends \\",
    ],
)
def test_escaped_text_reads_the_same(text):
    html = render(_markdown.text(text))
    assert re.fullmatch(r"<p>[^<]*</p>\n", html)
    assert unescape(html[3:-5]) == " ".join(text.split())


@given(st.text(alphabet="ab 1.)-+=#>_*`~[]()<>!&;|$\\\n"))
def test_any_text_after_a_word_reads_the_same(text):
    html = render(f"x {_markdown.text(text)}")
    assert unescape(html.removeprefix("<p>").removesuffix("</p>\n")) == " ".join(["x", *text.split()])


def test_plain_titles_stay_as_people_write_them():
    title = "What does BERT look at? An Analysis (v2): head_type & 50%!"
    assert _markdown.text(title) == title


def test_address_cannot_end_its_link():
    assert (
        render(_markdown.link("x", "https://a.b/c_(d) e\\")) == '<p><a href="https://a.b/c_%28d%29%20e%5C">x</a></p>\n'
    )


def test_reading_list_goes_by_year_newest_first(world):
    text = reading_list.export(world)
    assert re.findall(r"^## (\d+)$", text, re.MULTILINE) == ["2024", "2023", "2021", "2020"]
    link = "**[Echo Heads in Small Ponds](https://example.org/echo)**"
    assert f"- {link} · Grebe and Heron, 2021, PondConf 2022 · *echo head*\n" in text


def test_reading_list_leaves_out_what_is_superseded(make_paper):
    papers = [make_paper(), make_paper("old-2020-old", title="Replaced", superseded_by="grebe-2021-echo")]
    assert "Replaced" not in reading_list.export(Registry({paper.id: paper for paper in papers}, {}))


def test_llms_txt_has_the_shape_of_the_convention(world):
    lines = [line for line in llms_txt.export(world).splitlines() if line]
    assert lines[0] == "# HeadAtlas"
    assert lines[1].startswith("> ")
    sections = [line for line in lines if line.startswith("#")][1:]
    assert sections == ["## Start here", "## Data", "## Head types", "## Models", "## Optional"]
    listed = lines[lines.index(sections[0]) :]
    assert all(re.match(r"(## |- \[.+\]\([^ )]+\): .)", line) for line in listed)


def test_llms_txt_links_only_pages_and_files_of_the_site(world):
    from catalog import exporters, site_pages

    made = {name.removesuffix(".md") + ".html" for name in site_pages.collect(world) if name.endswith(".md")}
    made |= {path for path, _ in exporters.site_files(world)}
    assert set(re.findall(r"^- \[.+\]\(([^ )]+)\): ", llms_txt.export(world), re.MULTILINE)) <= made


@pytest.mark.parametrize("exporter", [reading_list, llms_txt], ids=["reading_list", "llms_txt"])
def test_hostile_text_is_never_markup(world, hostile, exporter):
    html = render(exporter.export(world))
    assert hostile in unescape(re.sub(r"<[^>]*>", "", html))
    assert "<script" not in html
    assert 'href="javascript' not in html
