"""The real site, built once for all workers, a server that shows it, and a browser without any network."""

import os
import shutil
import threading
from urllib.parse import urlsplit

import pytest
from filelock import FileLock

from catalog import site

LAUNCH_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Folder of the site, built from data/ in strict mode: a warning of MkDocs fails here. No test may change it."""
    pytest.importorskip("mkdocs", reason="pip install 'headatlas[site]'")
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # the one that all workers have in common
    with FileLock(folder / "site.lock"):
        index = folder / "whole" / "site" / "index.html"
        return (index if index.is_file() else site.build(folder / "whole")).parent


@pytest.fixture(scope="session")
def served(built):
    """Address of the site on this machine."""
    with site.make_server(built, 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
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
