"""The real site: built in strict mode, its HTML read, then walked through in a browser without any network."""

import os
import re
import shutil
import threading
from collections import Counter
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest

from catalog import Registry, site
from catalog.errors import SiteBuildError

pytest.importorskip("mkdocs", reason="pip install 'headatlas[site]'")

LAUNCH_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
BIG_MODEL = "smollm2-135m-instruct-q4-1"
DEMO_PAGES = (
    "index.html",
    "head-types/induction.html",
    "papers/olsson-2022-induction.html",
    f"models/{BIG_MODEL}.html",
)


@pytest.fixture(scope="module")
def registry():
    return Registry.load()


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Folder of the site, built from data/ in strict mode: a warning of MkDocs fails here."""
    return site.build(tmp_path_factory.mktemp("build")).parent


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


def test_data_holds_runs(registry):
    assert registry.runs, "data/runs is empty; write runs with: headatlas probe run NAME --model demo"


def test_every_entry_has_a_page(html, registry):
    expected = {f"papers/{name}.html" for name in registry.papers}
    expected |= {f"head-types/{name}.html" for name in registry.head_types}
    expected |= {f"models/{run.model.slug}.html" for run in registry.runs}
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


def test_every_claim_has_its_place(html, registry):
    for paper in registry.papers.values():
        assert {f"claim-{claim.id}" for claim in paper.claims} <= set(html[f"papers/{paper.id}.html"].ids)


def test_script_stays_small(built):
    assert (built / "assets" / "headatlas.js").stat().st_size < 5_000


def test_second_build_replaces_the_first(built):
    index = site.build(built.parent)
    assert index == built / "index.html"
    assert sorted(path.name for path in built.parent.iterdir()) == ["docs", "site"]


def test_failed_build_tells_why_and_keeps_the_old_site(built, tmp_path):
    shutil.copytree(built.parent, tmp_path, dirs_exist_ok=True)
    (tmp_path / "docs" / "stray.md").write_text("[nowhere](nowhere.md)", encoding="utf-8")
    with pytest.raises(SiteBuildError, match=r"nowhere\.md"):
        site.build(tmp_path)
    assert (tmp_path / "site" / "index.html").is_file()
    assert not (tmp_path / "site.new").exists()


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


@pytest.fixture(scope="module")
def served(built):
    """Address of the site on this machine."""
    with site.make_server(built, 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium: the system's, or the one that playwright installed."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="pip install 'headatlas[dev]'")
    with sync_api.sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=LAUNCH_ARGUMENTS)
        except sync_api.Error as error:
            way_out = f"no browser: install the package chromium, or run 'playwright install chromium' ({error})"
            if os.environ.get("CI"):
                pytest.fail(way_out)
            pytest.skip(way_out)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, served):
    """Function that opens a page of the site; at the end nothing may have gone wrong or reached for the network."""
    contexts, troubles = [], []

    def route(route):
        if urlsplit(route.request.url).netloc == urlsplit(served).netloc:
            route.continue_()
        else:
            troubles.append(f"request to {route.request.url}")
            route.abort()

    def open_page(address="index.html", width=1280, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        context.route("**/*", route)
        page = context.new_page()
        page.on("console", lambda message: message.type == "error" and troubles.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: troubles.append(f"page error: {error}"))
        page.on("response", lambda reply: reply.status >= 400 and troubles.append(f"{reply.status}: {reply.url}"))
        page.goto(served + address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not troubles


def content(page):
    return page.locator("article")


def test_visitor_walks_from_home_to_head_type_to_paper_to_model(open_page, registry):
    page = open_page()
    content(page).locator(".ha-types").get_by_role("link", name="Induction head", exact=True).click()
    assert page.url.endswith("head-types/induction.html")
    first = content(page).locator(".ha-list > li").first
    assert "read this first" in first.inner_text()
    first.get_by_role("link").first.click()
    assert page.url.endswith(f"papers/{registry.head_types['induction'].read_first}.html")
    model = next(run.model.name for run in registry.runs if run.model.slug == BIG_MODEL)
    content(page).get_by_role("link", name=model, exact=True).first.click()
    assert f"models/{BIG_MODEL}.html#" in page.url
    assert content(page).get_by_role("heading", level=1).inner_text().startswith(model)


def test_induction_picture_has_a_titled_cell_for_every_head(open_page):
    page = open_page("head-types/induction.html")
    figure = page.locator(f"#on-{BIG_MODEL}-induction ~ figure").first
    titles = figure.locator("rect > title").all_text_contents()
    assert len(titles) == 30 * 9
    assert titles[0].startswith("L0H0: ")
    assert titles[-1].startswith("L29H8: ")


def test_table_twin_holds_every_head_and_sorts(open_page):
    page = open_page(f"models/{BIG_MODEL}.html")
    content(page).locator("details").last.locator("summary").click()
    table = content(page).locator("table").last
    rows = table.locator("tbody tr")
    assert rows.count() == 30 * 9
    button = table.get_by_role("button", name=re.compile(r"^induction\b"))
    for order, pick in (("descending", max), ("ascending", min)):
        button.click()
        assert table.locator("th[aria-sort]").get_attribute("aria-sort") == order
        column = table.locator("thead th").all_inner_texts().index("induction")
        scores = [float(text.split()[0]) for text in table.locator(f"td:nth-child({column + 1})").all_inner_texts()]
        assert scores[0] == pick(scores)


@pytest.mark.parametrize("step", [12, pytest.param(1, marks=pytest.mark.slow)], ids=["every twelfth", "every page"])
def test_pages_fit_a_narrow_screen(open_page, html, step):
    page = open_page(width=390)
    root = page.url.removesuffix("index.html")
    too_wide = []
    for name in {*sorted(html)[::step], *DEMO_PAGES}:
        page.goto(root + name, wait_until="domcontentloaded")
        page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            too_wide.append(name)
    assert not too_wide


def test_tables_scroll_inside_their_box(open_page):
    page = open_page("head-types/index.html", width=390)
    box = page.locator(".ha-scroll").first
    assert box.evaluate("box => box.scrollWidth > box.clientWidth")
    assert box.evaluate("box => { box.scrollLeft = 500; return box.scrollLeft > 0 }")


def test_dark_follows_the_system_and_the_toggle(open_page):
    page = open_page(scheme="dark")
    scheme = page.locator("body")
    assert scheme.get_attribute("data-md-color-scheme") == "slate"
    dark = scheme.evaluate("body => getComputedStyle(body).backgroundColor")
    page.get_by_title("Switch to light mode").click()
    assert scheme.get_attribute("data-md-color-scheme") == "default"
    assert scheme.evaluate("body => getComputedStyle(body).backgroundColor") != dark
    page.get_by_title("Switch to dark mode").click()
    assert scheme.get_attribute("data-md-color-scheme") == "slate"


def test_search_finds_a_head_type(open_page):
    page = open_page()
    page.get_by_role("textbox", name="Search").fill("induction head")
    page.locator(".md-search-result__link[href*='head-types/induction.html']").first.wait_for()


def test_pages_open_from_the_file_system(browser, built):
    context = browser.new_context()
    page = context.new_page()
    page.goto((built / "index.html").as_uri())
    content(page).locator(".ha-types").get_by_role("link", name="Induction head", exact=True).click()
    assert content(page).get_by_role("heading", level=1).inner_text().startswith("Induction head")
    assert page.locator("svg.ha-map").count() >= 1
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", DEMO_PAGES)
def test_page_is_accessible(open_page, address, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = open_page(address, scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    found = axe.run(page).response["violations"]
    severe = [
        (item["id"], [node["html"] for node in item["nodes"]][:5])
        for item in found
        if item["impact"] in {"serious", "critical"}
    ]
    assert not severe
