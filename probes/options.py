"""Options, and what goes with them, that several commands of the groups probe and experiment share."""

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from probes.errors import RunNotSavedError

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Model = Annotated[str, typer.Option(help="demo, a Hugging Face id, a folder, or a .gguf file.")]
Revision = Annotated[str | None, typer.Option(help="Commit, branch or tag on the hub.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")]
Dtype = Annotated[str, typer.Option(help="Number format: fp32, bf16 or fp16.")]
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


def print_plugins(names: Sequence[str], describe: Callable[[str], str], *, as_json: bool) -> None:
    """List plug-ins, each with the first line of its description.

    Args:
        names: Their names.
        describe: Gives the description of one.
        as_json: Print JSON for machines.
    """
    lines = {name: describe(name).partition("\n")[0] for name in names}
    if as_json:
        typer.echo(json.dumps(lines))
        return
    width = max(map(len, lines))
    for name, line in lines.items():
        typer.echo(f"{name:{width}}  {line}")
