"""Where the data files lie, and how a file is written so that nothing is lost."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from secrets import token_hex
from stat import S_IMODE

from platformdirs import user_cache_path

from catalog.errors import BusyDataError, DataFolderError

PACKAGE = Path(__file__).parent
ENVIRONMENT_VARIABLE = "HEADATLAS_DATA"
LONGEST_TURN = 60.0
"""Seconds that a process waits for another one to finish its change of the data files."""


def data_folder(chosen: Path | None = None) -> Path:
    """Folder with papers.yaml: the chosen one, the environment's, the clone's, or the copy in the package.

    Args:
        chosen: Folder that the caller insists on.

    Returns:
        A folder that holds papers.yaml.

    Raises:
        DataFolderError: the chosen folder, or the environment's, holds no papers.yaml.
    """
    insisted = chosen or (Path(os.environ[ENVIRONMENT_VARIABLE]) if os.environ.get(ENVIRONMENT_VARIABLE) else None)
    if insisted is not None:
        if not (insisted / "papers.yaml").is_file():
            reason = f"no papers.yaml in this folder; name another with --data or {ENVIRONMENT_VARIABLE}"
            raise DataFolderError(insisted, reason)
        return insisted
    clone = PACKAGE.parent / "data"
    return clone if (clone / "papers.yaml").is_file() else PACKAGE / "packaged_data"


def own_folder(chosen: Path | None = None) -> Path:
    """Folder with the papers.yaml that somebody may change: not the copy inside an installed package.

    Args:
        chosen: Folder that the caller insists on.

    Returns:
        A folder that holds papers.yaml.

    Raises:
        DataFolderError: there is none, or it is the copy in the package.
    """
    folder = data_folder(chosen)
    if folder.resolve() == (PACKAGE / "packaged_data").resolve():
        reason = f"belongs to the installed package; name a folder of your own with --data or {ENVIRONMENT_VARIABLE}"
        raise DataFolderError(folder, reason)
    return folder


def runs_folder() -> Path:
    """Folder that new runs are written to: beside papers.yaml, or below the working folder without a clone.

    Returns:
        The folder; it may not exist yet.
    """
    data = data_folder()
    return Path("data", "runs") if data == PACKAGE / "packaged_data" else data / "runs"


def project_folder() -> Path:
    """Folder of the clone, which holds mkdocs.yml and the sources of the site.

    Returns:
        The folder.

    Raises:
        DataFolderError: headatlas was installed without its clone.
    """
    folder = PACKAGE.parent
    if not (folder / "mkdocs.yml").is_file():
        raise DataFolderError(folder, "no mkdocs.yml here; building the site needs a clone of the repository")
    return folder


@contextmanager
def changing_data() -> Iterator[None]:
    """Keep every other process of this user from changing data files, from reading them until they are written.

    One lock for all data folders lies in the cache of the user, so that none lies among the data.

    Yields:
        Once it is our turn.

    Raises:
        BusyDataError: another process keeps its turn for longer than a minute.
    """
    from filelock import FileLock, Timeout

    with ExitStack() as stack:
        try:
            folder = user_cache_path("headatlas", ensure_exists=True)
            stack.enter_context(FileLock(folder / "data.lock", timeout=LONGEST_TURN))
        except Timeout as error:
            raise BusyDataError(error.lock_file) from error
        except (OSError, NotImplementedError) as error:
            sys.stderr.write(f"headatlas: no lock on the data files ({error}); change them by one process at a time\n")
        yield


def write_text(path: Path, text: str) -> None:
    """Write a file in one step: a reader, a full disk or Ctrl-C never leaves half of it.

    A link stays, and the file that it leads to is written. A file keeps its rights. Pipes and devices take the text as
    it comes.

    Args:
        path: The file; its folder is made if it is missing.
        text: The whole content.

    Raises:
        OSError: it cannot be written; what was there is untouched.
    """
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file in one step, like write_text.

    Args:
        path: The file; its folder is made if it is missing.
        content: The whole content.

    Raises:
        OSError: it cannot be written; what was there is untouched.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{token_hex(8)}.part")
    try:
        with temporary.open("xb") as file:
            if path.exists():
                temporary.chmod(S_IMODE(path.stat().st_mode))
            file.write(content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
