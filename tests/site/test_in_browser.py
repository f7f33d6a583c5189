"""A walk through the real site in a browser that can reach nothing else."""

import re

import pytest

BIG_MODEL = "smollm2-135m-instruct-q4-1"
DEMO_PAGES = (
    "index.html",
    "head-types/induction.html",
    "papers/olsson-2022-induction.html",
    f"models/{BIG_MODEL}.html",
    f"models/{BIG_MODEL}/L18H6.html",
    "relations/country_to_capital.html",
    "claims/index.html",
)
EXPERIMENT = "experiments/counting.html"
N_OF_A_FOLDER = 5
"""Pages of each folder that the quick test of narrow screens opens."""


def content(page):
    return page.locator("article")


def test_visitor_walks_from_home_to_head_type_to_paper_to_model(open_page, catalogue):
    page = open_page()
    content(page).locator(".ha-types").get_by_role("link", name="Induction head", exact=True).click()
    assert page.url.endswith("head-types/induction.html")
    first = content(page).locator(".ha-list > li").first
    assert "read this first" in first.inner_text()
    first.get_by_role("link").first.click()
    assert page.url.endswith(f"papers/{catalogue.head_types['induction'].read_first}.html")
    model = next(run.model.name for run in catalogue.runs if run.model.slug == BIG_MODEL)
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


def test_called_map_leads_from_a_head_to_its_page_and_its_neighbour(open_page):
    page = open_page(f"models/{BIG_MODEL}.html")
    assert page.locator("svg.ha-map a").count() == 30 * 9
    page.locator("svg.ha-map a", has=page.locator("title", has_text="L18H6: ")).click()
    assert page.url.endswith(f"models/{BIG_MODEL}/L18H6.html")
    content(page).get_by_role("link", name="L18H7 →").click()
    assert page.url.endswith(f"models/{BIG_MODEL}/L18H7.html")
    content(page).locator("table").first.get_by_role("link", name="induction", exact=True).click()
    assert page.url.endswith(f"models/{BIG_MODEL}.html#probe-induction")


def test_table_of_a_head_holds_every_detector_and_sorts(open_page, catalogue):
    page = open_page(f"models/{BIG_MODEL}/L18H6.html")
    table = content(page).locator("table").first
    names = {run.probe for run in catalogue.runs if run.model.slug == BIG_MODEL}
    assert set(table.locator("tbody th").all_inner_texts()) == names
    button = table.get_by_role("button", name=re.compile(r"^rank\b"))
    for order, pick in (("descending", max), ("ascending", min)):
        button.click()
        assert table.locator("th[aria-sort]").get_attribute("aria-sort") == order
        column = table.locator("thead th").all_inner_texts().index("rank")
        ranks = [int(text) for text in table.locator(f"td:nth-child({column + 1})").all_inner_texts()]
        assert ranks[0] == pick(ranks)


def test_experiment_leads_from_the_list_over_a_claim_to_the_record_behind_it(open_page, catalogue):
    page = open_page("experiments/index.html")
    content(page).get_by_role("link", name="Counting", exact=True).click()
    assert page.url.endswith(EXPERIMENT)
    content(page).get_by_role("link", name=re.compile("^Results: ")).first.click()
    key = page.url.partition("#record-")[2]
    assert key in {run.key for run in catalogue.experiments if run.experiment == "counting"}


def test_every_bar_of_an_experiment_says_whether_it_is_reached(open_page, catalogue):
    page = open_page(EXPERIMENT)
    runs = [run for run in catalogue.experiments if run.experiment == "counting"]
    outcomes = content(page).locator(".ha-bars .ha-verdict").all_inner_texts()
    assert len(outcomes) == sum(len(run.bars) for run in runs)
    assert outcomes.count("reached") == sum(run.n_bars_held for run in runs)


def test_metrics_of_an_experiment_unfold_and_sort(open_page):
    page = open_page(EXPERIMENT)
    details = content(page).locator("details", has=page.locator(".ha-metrics")).first
    details.locator("summary").click()
    details.get_by_role("button", name=re.compile("^mean")).click()
    assert details.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"


def test_relation_and_its_best_head_lead_to_each_other(open_page, catalogue):
    run = next(one for one in catalogue.relation_runs if one.called() and one.model.slug == BIG_MODEL)
    page = open_page(f"models/{BIG_MODEL}.html")
    name = catalogue.relations[run.relation].name
    held = content(page).locator("table", has_text="push right words up")
    held.get_by_role("link", name=name, exact=True).click()
    assert page.url.endswith(f"relations/{run.relation}.html#on-{BIG_MODEL}")
    best = str(run.called()[0])
    content(page).locator("tbody").get_by_role("link", name=best, exact=True).first.click()
    assert page.url.endswith(f"models/{BIG_MODEL}/{best}.html")
    content(page).get_by_role("link", name=name, exact=True).first.click()
    assert page.url.endswith(f"relations/{run.relation}.html#on-{BIG_MODEL}")


def test_phone_shows_curves_with_their_legend_and_verdicts_with_their_reasons(open_page):
    page = open_page(EXPERIMENT, width=390)
    curves = content(page).locator("svg.ha-lines").first
    assert curves.evaluate("picture => picture.clientWidth <= picture.parentElement.clientWidth")
    assert curves.get_by_text("s-acc", exact=True).evaluate("name => name.getBoundingClientRect().right <= innerWidth")
    assert (
        content(page)
        .locator(".ha-bars td")
        .evaluate_all("cells => cells.every(cell => cell.getBoundingClientRect().right <= innerWidth)")
    )


def some_of(built, count):
    """Addresses of a few pages of each folder, spread over its names, or of all of them."""
    folders = {}
    for path in sorted(built.rglob("*.html")):
        folders.setdefault(path.parent, []).append(path.relative_to(built).as_posix())
    return [name for names in folders.values() for name in names[:: max(1, len(names) // count if count else 1)]]


@pytest.mark.parametrize(
    "count", [N_OF_A_FOLDER, pytest.param(None, marks=pytest.mark.slow)], ids=["some pages", "every page"]
)
def test_pages_fit_a_narrow_screen(open_page, built, count):
    page = open_page(width=390)
    root = page.url.removesuffix("index.html")
    too_wide = []
    for name in sorted({*some_of(built, count), *DEMO_PAGES, EXPERIMENT}):
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


@pytest.mark.parametrize(
    ("address", "scheme"),
    [(address, scheme) for address in DEMO_PAGES for scheme in ("light", "dark")] + [(EXPERIMENT, "dark")],
)
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
