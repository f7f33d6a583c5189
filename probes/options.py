"""Options that several commands of the group probe share."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from probes.errors import RunNotSavedError

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Model = Annotated[str, typer.Option(help="demo, a Hugging Face id, a folder, or a .gguf file.")]
ModelName = Annotated[str | None, typer.Option(help="Name to record for the model.")]

TrustRemoteCode = Annotated[
    bool, typer.Option("--trust-remote-code", help="Run Python code that the model brings along.")
]
AllowPickle = Annotated[
    bool, typer.Option("--allow-pickle", help="Load weights that are pickles where there are no safetensors.")
]


def check_writable(folder: Path) -> None:
    """Find out before a measurement, not after it, that its result cannot be kept.

    Args:
        folder: Folder of the results; made if it is missing.

    Raises:
        RunNotSavedError: nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise RunNotSavedError(folder, error.strerror or str(error)) from error
