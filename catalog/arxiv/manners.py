"""How arXiv is asked so that it stays glad of us: one request at a time and pauses, among all processes of a user."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from platformdirs import user_cache_path

from catalog.errors import ArxivError

ADDRESS = "https://export.arxiv.org/api/query"
ADDRESS_VARIABLE = "HEADATLAS_ARXIV_URL"
"""Environment variable that names another address of arXiv's query interface."""


@dataclass(frozen=True)
class Manners:
    """How arXiv is asked; all times in seconds."""

    address: str = field(default_factory=lambda: os.environ.get(ADDRESS_VARIABLE) or ADDRESS)
    interval: float = 3.0
    """Least time between two requests, whichever process makes them."""
    timeout: float = 60.0
    """Longest silence of the server."""
    tries: int = 4
    back_off: float = 5.0
    """Wait before the second try, doubled before each further one, give or take a quarter."""
    longest_wait: float = 120.0
    """A server that asks for more patience than this is not waited for."""
    folder: Path = field(default_factory=lambda: user_cache_path("headatlas"))
    """Holds the time of the last request, for all processes."""


@contextmanager
def turn(manners: Manners) -> Iterator[None]:
    """One request at a time and the interval kept, among all processes of this user.

    Args:
        manners: Say how long to wait, and where the time of the last request stands.

    Yields:
        Nothing; make one request inside.

    Raises:
        ArxivError: another process does not finish its own.
    """
    from filelock import FileLock, Timeout

    stamp = manners.folder / "arxiv-last-request"
    with ExitStack() as stack:
        try:
            manners.folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(stamp.with_suffix(".lock"), timeout=5 * manners.timeout))
            _keep_interval(stamp, manners.interval)
        except Timeout as error:
            reason = f"another process is asking it and holds {error.lock_file}"
            raise ArxivError(manners.address, reason, "wait for that process, or end it") from error
        except (OSError, NotImplementedError) as error:
            sys.stderr.write(f"headatlas: {manners.folder} cannot be used ({error}); run one process at a time\n")
            time.sleep(manners.interval)
        yield


def _keep_interval(stamp: Path, interval: float) -> None:
    try:
        since = time.time() - float(stamp.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        since = interval
    if since < interval:
        time.sleep(min(interval, interval - since))  # a clock that was put back must not hold us up
    stamp.write_text(str(time.time()), encoding="ascii")
