"""How a run came about: versions, and a hash of the code that decides its numbers."""

import ast
import hashlib
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from catalog.runs import Provenance

PACKAGE = Path(__file__).parent
ROOTS = ("measure", "statistics")
"""Modules that decide the numbers of every detector, with all that they import."""

PASSED_OVER = frozenset({"errors", "detectors"})
"""Modules that decide no number: what errors say, and which detectors there are."""


def code_sha256(*modules: str) -> str:
    """Hash of the source files that decide the numbers of a detector or effect: its own, and all that is imported.

    Args:
        modules: Its modules below the package, such as "detectors.induction".

    Returns:
        SHA-256 in hexadecimal digits; the same whatever the line ends of the checkout.
    """
    digest = hashlib.sha256()
    for path in sorted(_decisive_files(*modules)):
        digest.update((PACKAGE / path).read_text(encoding="utf-8").encode())
    return digest.hexdigest()


def _decisive_files(*modules: str) -> set[str]:
    """Paths below the package, of the modules, the roots and everything of ours that they import."""
    waiting, found = [*ROOTS, *modules], set()
    while waiting:
        name = waiting.pop()
        path = f"{name.replace('.', '/')}.py"
        if name in PASSED_OVER or path in found or not (PACKAGE / path).is_file():
            continue
        found.add(path)
        waiting += _imported((PACKAGE / path).read_text(encoding="utf-8"))
    return found


def _imported(source: str) -> list[str]:
    """Modules below the package that a source imports, and names that may be modules."""
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]
    names = {f"{node.module}{name}" for node in nodes for name in ("", *(f".{alias.name}" for alias in node.names))}
    return sorted(name.removeprefix("probes.") for name in names if name.startswith("probes."))


def provenance(*modules: str, seconds: float, device: str, dtype: str, attention: str) -> Provenance:
    """Record of how a run came about, made when it ends.

    Args:
        modules: Modules of the detector or effect, such as "detectors.induction".
        seconds: Wall time of the measurement in seconds.
        device: Where the model ran.
        dtype: Number format of the weights.
        attention: Attention implementation.

    Returns:
        The record.
    """
    return Provenance(
        created=datetime.now(UTC).replace(microsecond=0),
        seconds=round(seconds, 2),
        headatlas=version("headatlas"),
        code_sha256=code_sha256(*modules),
        python=platform.python_version(),
        torch=version("torch"),
        transformers=version("transformers"),
        device=device,
        dtype=dtype,
        attention=attention,
    )
