"""Where the data files lie, and how a file is written so that nothing is lost."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from catalog.errors import DataFolderError

PACKAGE = Path(__file__).parent
ENVIRONMENT_VARIABLE = "HEADATLAS_DATA"


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
    if folder == PACKAGE / "packaged_data":
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


def write_text(path: Path, text: str) -> None:
    """Write a file in one step: a reader, a full disk or Ctrl-C never leaves half of it.

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
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
