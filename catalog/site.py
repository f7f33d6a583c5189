"""The site: pages written from the registry, built by MkDocs in strict mode, and shown from this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

from catalog.errors import SiteBuildError
from catalog.files import project_folder, write_text
from catalog.registry import Registry

HOST = "127.0.0.1"
PORT = 8000
PAGES_VARIABLE = "HEADATLAS_SITE_PAGES"
"""Environment variable through which mkdocs.yml learns where the pages lie."""

NEEDED = ("jinja2", "mkdocs", "material", "sklearn")


def build(output: Path | None = None, data: Path | None = None) -> Path:
    """Build the whole site; an earlier build is replaced only when the new one has succeeded.

    Args:
        output: Folder that gets docs/ (the pages) and site/ (the built site); left out, build/ of the clone.
        data: Folder with papers.yaml; left out, the one that catalog.files.data_folder finds.

    Returns:
        index.html of the built site.

    Raises:
        InvalidDataError: the data files break rules.
        DataFolderError: no data, or no clone with the sources of the site.
        SiteBuildError: MkDocs or its theme is not installed, or MkDocs found something to warn about.
        OSError: the output folder cannot be written.
    """
    _check_installed()
    from catalog import exporters, site_pages

    project = project_folder()
    output = (output or project / "build").resolve()
    pages, site = output / "docs", output / "site"
    _refuse_foreign_folder(site, pages / site_pages.MANIFEST)
    registry = Registry.load(data)
    site_pages.write(registry, pages)
    fresh = output / "site.new"
    _run_mkdocs(project, pages, fresh)
    for path, text in exporters.site_files(registry):
        write_text(fresh / path, text)
    _replace_folder(site, fresh)
    return site / "index.html"


def serve(
    port: int = PORT, host: str = HOST, data: Path | None = None, on_ready: Callable[[str], object] | None = None
) -> None:
    """Build the site and show it until Ctrl-C.

    Args:
        port: Port to listen on; 0 takes a free one.
        host: Address to listen on; the default can be reached from this machine only.
        data: Folder with papers.yaml; left out, the one that catalog.files.data_folder finds.
        on_ready: Called with the site's address once it can be opened; left out, it is told on stderr.

    Raises:
        SiteBuildError: the port is taken, or the site cannot be built; see `build` for its other errors.
    """
    with make_server(project_folder() / "build" / "site", port, host) as server:
        build(data=data)
        address = f"http://{host}:{server.server_port}/"
        if on_ready is None:
            sys.stderr.write(f"The site is at {address} until Ctrl-C.\n")
        else:
            on_ready(address)
        with suppress(KeyboardInterrupt):
            server.serve_forever()


def make_server(folder: Path, port: int, host: str = HOST) -> ThreadingHTTPServer:
    """Server of a folder of files that writes no log.

    Args:
        folder: The files.
        port: Port to listen on; 0 takes a free one.
        host: Address to listen on.

    Returns:
        The server, listening; the caller runs and closes it.

    Raises:
        SiteBuildError: the address is taken or not allowed.
    """
    try:
        return ThreadingHTTPServer((host, port), partial(_QuietHandler, directory=str(folder)))
    except OSError as error:
        raise SiteBuildError(f"cannot listen on {host}:{port} ({error.strerror}); choose another port") from error


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing: the terminal belongs to the command."""


def _check_installed() -> None:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        names = ", ".join(missing)
        raise SiteBuildError(f"building the site needs {names}, not installed here; pip install 'headatlas[site]'")


def _refuse_foreign_folder(site: Path, manifest: Path) -> None:
    """Stop before a folder is replaced that this module did not build."""
    if site.is_dir() and any(site.iterdir()) and not manifest.is_file():
        raise SiteBuildError(f"{site} holds files that were not built here; delete it, or choose another output folder")


def _run_mkdocs(project: Path, pages: Path, site: Path) -> None:
    # Not --quiet: MkDocs would then no longer see the warnings that --strict should stop at.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    command += ["--config-file", str(project / "mkdocs.yml"), "--site-dir", str(site)]
    environment = os.environ | {PAGES_VARIABLE: str(pages), "NO_MKDOCS_2_WARNING": "1"}
    result = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        shutil.rmtree(site, ignore_errors=True)
        lines = [line for line in (result.stderr + result.stdout).splitlines() if not line.startswith("INFO")]
        raise SiteBuildError("\n".join([f"MkDocs stopped (the pages it read are in {pages}):", *lines]))


def _replace_folder(old: Path, new: Path) -> None:
    discarded = old.with_name(f"{old.name}.old")
    shutil.rmtree(discarded, ignore_errors=True)
    if old.exists():
        old.rename(discarded)
    new.rename(old)
    shutil.rmtree(discarded, ignore_errors=True)
