"""States of a training on disk: tensors and facts in one safetensors file, written in one step."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from catalog.files import write_bytes
from probes.errors import BadInputError


def write_checkpoint(path: Path, key: str, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Keep a state.

    Args:
        path: The file; what was there stays until the new state is whole.
        key: What decides the training.
        tensors: Parameters and the like.
        facts: Whatever else JSON can hold.

    Raises:
        OSError: the file cannot be written.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_bytes(path, save(plain, metadata={"key": key, "facts": json.dumps(facts)}))


def read_checkpoint(path: Path, key: str) -> tuple[dict[str, Tensor], Any]:
    """Take a state up again.

    Args:
        path: The file.
        key: What decides the training.

    Returns:
        Tensors and facts.

    Raises:
        BadInputError: the file is no checkpoint, or one of another training.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a mapping
    except (OSError, SafetensorError) as error:
        raise BadInputError(f"{path}: is no checkpoint ({error}); delete it to start over") from error
    if metadata.get("key") != key:
        raise BadInputError(f"{path}: is the checkpoint of a training with other settings; delete it to start over")
    return tensors, json.loads(metadata["facts"])
