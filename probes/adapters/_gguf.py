"""GGUF files: dequantised once by transformers, kept as plain weights in the user's cache."""

import shutil
import tempfile
from contextlib import suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import torch
from platformdirs import user_cache_path
from rich.console import Console
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from catalog.files import write_text
from probes.adapters._failures import LOADING_ERRORS, first_line
from probes.errors import MissingPackageError, ModelCacheError, ModelNotFoundError

console = Console(stderr=True)

QUANTIZATION = "quantization.txt"
"""Name of the note in a folder of dequantised weights."""


def check_file(path: Path) -> None:
    """Refuse a file that is not there, and a machine without the reader.

    Args:
        path: The GGUF file.

    Raises:
        ModelNotFoundError: there is no such file.
        MissingPackageError: the package gguf is not installed.
    """
    if not path.is_file():
        raise ModelNotFoundError(str(path), "there is no such file")
    if find_spec("gguf") is None:
        raise MissingPackageError("gguf", "probes")


def dequantised(path: Path, file_hash: str) -> Path:
    """Folder with the weights of a GGUF file as plain safetensors; made once for every file content.

    Args:
        path: The GGUF file.
        file_hash: Its SHA-256.

    Returns:
        The folder, which transformers can load.

    Raises:
        ModelNotFoundError: transformers cannot read the file.
        ModelCacheError: the weights cannot be kept.
    """
    target = user_cache_path("headatlas") / "gguf" / f"{file_hash}-transformers-{version('transformers')}"
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    console.print(f"Dequantising {path.name}, once; kept in {target}")
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=".part-"))
    try:
        _convert_gguf(path, temporary)
        _move_into_place(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _convert_gguf(path: Path, folder: Path) -> None:
    try:
        module = AutoModelForCausalLM.from_pretrained(
            str(path.parent),
            gguf_file=path.name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=torch.float32,
            attn_implementation="sdpa",
        )
        tokenizer = AutoTokenizer.from_pretrained(str(path.parent), gguf_file=path.name)
    except LOADING_ERRORS as error:
        raise ModelNotFoundError(str(path), f"transformers cannot read this GGUF file ({first_line(error)})") from error
    module.hf_quantizer = None  # the weights are plain now; with a quantizer set, transformers refuses to save them
    try:
        module.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    except (OSError, SafetensorError) as error:
        raise ModelCacheError(folder.parent, first_line(error)) from error


def _move_into_place(temporary: Path, target: Path) -> None:
    """Rename the finished folder; if another process was faster, its folder is as good."""
    try:
        temporary.replace(target)
    except OSError as error:
        if not target.is_dir():
            raise ModelCacheError(target, first_line(error)) from error


def quantization(path: Path, folder: Path) -> str | None:
    """How the weights in a GGUF file are quantised; noted beside the dequantised ones, as reading it takes seconds.

    Args:
        path: The GGUF file.
        folder: Folder of its dequantised weights.

    Returns:
        Such as "Q4_1"; None where the file does not say.
    """
    note = folder / QUANTIZATION
    with suppress(OSError):
        return note.read_text(encoding="utf-8") or None
    found = _quantization(path)
    with suppress(OSError):  # a folder that cannot be written is still good to load from
        write_text(note, found or "")
    return found


def _quantization(path: Path) -> str | None:
    from gguf import GGUFReader, LlamaFileType

    field = GGUFReader(path).get_field("general.file_type")
    try:
        return LlamaFileType(int(field.contents())).name.removeprefix("MOSTLY_") if field else None
    except ValueError:
        return f"GGUF file type {field.contents()}"
