"""Files that a run writes, and those of an earlier run that are no longer due."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from catalog.files import write_text

MANIFEST = ".headatlas-pages.json"
"""Lists the files that the last run wrote, so that only those are ever removed. Site builders pass over dot files."""


def update(folder: Path, files: dict[str, str]) -> list[Path]:
    """Make a folder hold these files, and none that an earlier call wrote besides.

    Args:
        folder: The folder; files that this function did not write are left alone.
        files: Text by path below the folder.

    Returns:
        The files whose content changed.

    Raises:
        OSError: a file cannot be written.
    """
    manifest = folder / MANIFEST
    earlier = _read_manifest(manifest)
    _write_manifest(manifest, earlier | files.keys())
    changed = [folder / name for name, content in files.items() if _write_if_changed(folder / name, content)]
    for name in earlier - files.keys():
        (folder / name).unlink(missing_ok=True)
    _write_manifest(manifest, files.keys())
    return changed


def _read_manifest(path: Path) -> set[str]:
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    return (
        {name for name in names if isinstance(name, str) and _stays_inside(name)} if isinstance(names, list) else set()
    )


def _stays_inside(name: str) -> bool:
    return not Path(name).is_absolute() and ".." not in Path(name).parts


def _write_manifest(path: Path, names: Iterable[str]) -> None:
    write_text(path, json.dumps(sorted(names), indent=0) + "\n")


def _write_if_changed(path: Path, content: str) -> bool:
    if path.is_file() and path.read_bytes() == content.encode():
        return False
    write_text(path, content)
    return True
