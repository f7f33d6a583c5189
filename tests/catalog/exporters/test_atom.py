from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from catalog import site_pages
from catalog.errors import DataFolderError
from catalog.exporters import _atom, atom_papers, atom_results
from catalog.registry import Registry
from catalog.texts import authorship

etree = pytest.importorskip("lxml.etree")
rnc2rng = pytest.importorskip("rnc2rng")
GRAMMAR = Path(__file__).parents[2] / "fixtures/atom.rnc"
ATOM = {"a": "http://www.w3.org/2005/Atom"}

each_feed = pytest.mark.parametrize("feed", [atom_papers, atom_results], ids=["papers", "results"])


@pytest.fixture(scope="module")
def grammar():
    return etree.RelaxNG(etree.fromstring(rnc2rng.dumps(rnc2rng.load(str(GRAMMAR))).encode()))


def parse(text):
    return etree.fromstring(text.encode())


def texts(root, path):
    return root.xpath(f"{path}/text()", namespaces=ATOM)


def check(grammar, text):
    """The feed as a tree, once it follows the grammar and the rules that no grammar can say."""
    root = parse(text)
    grammar.assertValid(root)
    ids = texts(root, "//a:id")
    assert len(set(ids)) == len(ids)
    for entry in root.findall("a:entry", ATOM):
        assert len(entry.findall("a:link[@rel='alternate']", ATOM)) == 1
    return root


@each_feed
def test_feed_follows_the_grammar_of_atom(grammar, feed, catalogue):
    check(grammar, feed.export(catalogue))
    check(grammar, feed.export(Registry({}, {})))


@each_feed
def test_hostile_text_stays_text(grammar, feed, world):
    check(grammar, feed.export(world))
    assert "<script" not in feed.export(world)


@each_feed
def test_entries_lead_to_pages_of_the_site(feed, world):
    pages = {name.removesuffix(".md") + ".html" for name in site_pages.collect(world)}
    links = parse(feed.export(world)).xpath("//a:link[@rel='alternate']/@href", namespaces=ATOM)
    assert {link.removeprefix(_atom.site_address()).partition("#")[0] for link in links} <= pages


@pytest.mark.parametrize(
    ("setting", "address"),
    [
        ("site_url: https://example.org/heads", "https://example.org/heads/"),
        ("site_url: 'https://example.org/'  # ours", "https://example.org/"),
        ("# site_url: https://example.org/", "../"),
        ("site_url: ''", "../"),
    ],
)
def test_links_have_the_address_that_mkdocs_has(world, monkeypatch, tmp_path, setting, address):
    before = texts(parse(atom_papers.export(world)), "//a:id")
    (tmp_path / "mkdocs.yml").write_text(f"site_name: HeadAtlas\n{setting}\n")
    monkeypatch.setattr(_atom, "project_folder", lambda: tmp_path)
    root = parse(atom_papers.export(world))
    assert root.xpath("string(a:link[@rel='self']/@href)", namespaces=ATOM) == f"{address}downloads/papers.atom.xml"
    assert texts(root, "//a:id") == before


def test_links_are_relative_without_a_clone(monkeypatch):
    def no_clone():
        raise DataFolderError(Path(), "no mkdocs.yml here")

    monkeypatch.setattr(_atom, "project_folder", no_clone)
    assert _atom.site_address() == "../"


def test_feed_says_who_wrote_a_summary_and_who_checked_it(make_paper):
    paper = make_paper()
    (summary,) = texts(parse(atom_papers.export(Registry({paper.id: paper}, {}))), "a:entry/a:summary")
    assert summary.endswith(f"({authorship(paper.summary)})")


def test_grammar_refuses_broken_feeds(grammar, world):
    good = atom_papers.export(world)
    for old, new in (("updated>", "up>"), ("tag:", ""), ("Z</updated>", "</updated>"), ("term=", "word=")):
        assert not grammar.validate(parse(good.replace(old, new)))


def test_papers_come_newest_first_then_by_id(make_paper):
    papers = [
        make_paper("b-2021-b", added="2026-01-02"),
        make_paper("c-2021-c", added="2026-03-04"),
        make_paper("a-2021-a", added="2026-01-02"),
        make_paper("d-2021-d", added="2026-05-06", superseded_by="a-2021-a"),
    ]
    root = parse(atom_papers.export(Registry({paper.id: paper for paper in papers}, {})))
    assert [text.rpartition("/")[2] for text in texts(root, "a:entry/a:id")] == ["c-2021-c", "a-2021-a", "b-2021-b"]
    assert texts(root, "a:updated") == texts(root, "a:entry/a:updated")[:1] == ["2026-03-04T00:00:00Z"]


def test_repeated_run_is_news_under_its_own_id(world, make_run):
    (first,) = texts(parse(atom_results.export(Registry({}, {}, [make_run()]))), "a:entry/a:id")
    assert first == "tag:headatlas.invalid,2026:runs/pond-1/echo/2026-11-22T03:04:00Z"
    later = make_run().provenance.model_copy(update={"created": datetime(2026, 12, 1, tzinfo=UTC)})
    (second,) = texts(parse(atom_results.export(Registry({}, {}, [make_run(provenance=later)]))), "a:entry/a:id")
    assert second != first


def test_title_of_a_result_counts_the_called_heads(world):
    titles = texts(parse(atom_results.export(world)), "a:entry/a:title")
    assert "echo head in Pond-1: 2 of 12 heads called" in titles


def test_long_feed_is_cut_between_dates_only():
    def entries(*ages):
        newest = datetime(2026, 1, 1, tzinfo=UTC)
        return [
            _atom.Entry(f"e/{place}", "t", "s", newest - timedelta(days=age), "p") for place, age in enumerate(ages)
        ]

    def count(text):
        return len(parse(text).findall("a:entry", ATOM))

    assert count(_atom.feed("x", "x", "x", entries(*range(150)))) == _atom.N_ENTRIES
    assert count(_atom.feed("x", "x", "x", entries(*[0] * 150))) == 150
    assert count(_atom.feed("x", "x", "x", entries(*[0] * 150, 1))) == 150
    assert count(_atom.feed("x", "x", "x", entries(*range(_atom.N_ENTRIES)))) == _atom.N_ENTRIES
