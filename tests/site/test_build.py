"""How the site is built, and the HTML of the real one."""

import json
import shutil
from collections import Counter
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest

from catalog import site, site_pages
from catalog.errors import SiteBuildError
from catalog.registry import Registry

pytest.importorskip("mkdocs", reason="pip install 'headatlas[site]'")

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


class Page(HTMLParser):
    """Ids, links and embedded files of one HTML file."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.files, self.open, self.mistakes = [], [], [], [], []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            elif name == "href":
                self.links.append(value)
            elif name == "src":
                self.files.append(value)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.mistakes.append(f"</{tag}> at {self.getpos()}")

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()


@pytest.fixture(scope="module")
def html(built):
    """Every built page by its address; 404.html is left out, it is written for any folder."""
    paths = [path for path in built.rglob("*.html") if path.name != "404.html"]
    return {path.relative_to(built).as_posix(): Page(path) for path in paths}


def test_data_holds_runs(catalogue):
    assert catalogue.runs, "data/runs is empty; write runs with: headatlas probe run NAME --model demo"


def test_every_entry_has_a_page(html, catalogue):
    expected = {f"papers/{name}.html" for name in catalogue.papers}
    expected |= {f"head-types/{name}.html" for name in catalogue.head_types}
    expected |= {f"models/{run.model.slug}.html" for run in catalogue.runs}
    expected |= {f"models/{run.model.slug}/{name}.html" for run in catalogue.runs for name in run.heads()}
    expected |= {f"experiments/{run.experiment}.html" for run in catalogue.experiments}
    expected |= {f"relations/{name}.html" for name in catalogue.relations}
    assert expected <= html.keys()


def test_no_id_is_used_twice_on_a_page(html):
    twice = {name: [i for i, n in Counter(page.ids).items() if n > 1] for name, page in html.items()}
    assert not {name: ids for name, ids in twice.items() if ids}


def test_tags_are_closed_in_order(html):
    assert not {name: page.mistakes for name, page in html.items() if page.mistakes}


def test_every_internal_link_leads_somewhere(html, built):
    dead = []
    for name, page in html.items():
        for link in (*page.links, *page.files):
            address, anchor = urldefrag(urljoin(f"/{name}", link))
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = unquote(parts.path).lstrip("/")
            target = f"{target}index.html" if target.endswith("/") or not target else target
            if not (built / target).is_file() or (anchor and unquote(anchor) not in html[target].ids):
                dead.append(f"{name}: {link}")
    assert not dead


def test_every_claim_has_its_place(html, catalogue):
    for paper in catalogue.papers.values():
        assert {f"claim-{claim.id}" for claim in paper.claims} <= set(html[f"papers/{paper.id}.html"].ids)


def test_search_holds_what_a_page_is_about_and_no_lists_of_other_pages(built):
    places = {doc["location"] for doc in json.loads((built / "search" / "search_index.json").read_text())["docs"]}
    assert "papers/olsson-2022-induction.html#claims" in places
    assert not [place for place in places if place.endswith(("#related", "#cite", "#runs", "#repeat"))]


def test_script_stays_small(built):
    assert (built / "assets" / "headatlas.js").stat().st_size < 5_000


@pytest.fixture
def small_project(tmp_path, monkeypatch):
    """A project with our settings and templates, a line in place of each hand-written page, and no data."""
    project = site.project_folder()
    small = tmp_path / "project"
    shutil.copytree(project / "site", small / "site", ignore=shutil.ignore_patterns("*.md"))
    shutil.copy(project / "mkdocs.yml", small)
    for name in ("about", "measuring", "detectors/index"):
        path = small / "site" / "docs" / f"{name}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"# {name}\n", encoding="utf-8")
    for module in (site, site_pages):
        monkeypatch.setattr(module, "project_folder", lambda: small)
    monkeypatch.setattr(site.Registry, "load", lambda data: Registry({}, {}))
    return small


def test_later_build_replaces_the_site_and_a_failed_one_keeps_it_and_tells_why(small_project):
    output = small_project / "build"
    index = site.build()
    assert index == output / "site" / "index.html"
    index.write_text("earlier", encoding="utf-8")
    assert site.build() == index
    assert "Attention heads" in index.read_text(encoding="utf-8")
    assert sorted(path.name for path in output.iterdir()) == ["docs", "site"]
    (output / "docs" / "stray.md").write_text("[nowhere](nowhere.md)", encoding="utf-8")
    with pytest.raises(SiteBuildError, match=r"nowhere\.md"):
        site.build()
    assert index.is_file()
    assert sorted(path.name for path in output.iterdir()) == ["docs", "site"]


def test_folder_that_was_not_built_here_is_left_alone(tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(SiteBuildError, match="not built here"):
        site.build(tmp_path)
    assert (tmp_path / "site" / "thesis.txt").is_file()


def test_missing_builder_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setattr(site, "find_spec", lambda name: None)
    with pytest.raises(SiteBuildError, match=r"pip install 'headatlas\[site\]'"):
        site.build(tmp_path)


def test_taken_port_is_told_before_anything_is_built(served):
    port = urlsplit(served).port
    with pytest.raises(SiteBuildError, match=f"127.0.0.1:{port}.*choose another port"):
        site.serve(port)


def test_ctrl_c_ends_the_server_quietly(built, monkeypatch):
    def build(data=None):
        return built / "index.html"

    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(site, "build", build)
    monkeypatch.setattr(site.ThreadingHTTPServer, "serve_forever", interrupted)
    addresses = []
    site.serve(0, on_ready=addresses.append)
    assert addresses[0].startswith("http://127.0.0.1:")
