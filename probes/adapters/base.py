"""A model that the probes can measure."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from transformers import PreTrainedModel

from catalog.runs import MeasuredModel
from probes.adapters._weights import read_weights
from probes.adapters.shape import ModelShape
from probes.attention import IMPLEMENTATION, reading
from probes.calls import AttentionCall
from probes.module_hooks import FALLBACK, MapSource, reading_maps
from probes.shapes import Tokens
from probes.weights import ModelWeights


def backbone(module: PreTrainedModel) -> nn.Module:
    """The layers of a model, without its language head.

    Args:
        module: A transformers model; some do not say rightly under which name they keep their layers.

    Returns:
        The module that gives the last hidden state.
    """
    layers: nn.Module = module.base_model if module.base_model is not module else getattr(module, "model", module)
    return layers


@runtime_checkable
class CallReader(Protocol):
    """Something that wants to see every attention call of a forward pass, whichever way the model is read."""

    def read(self, call: AttentionCall) -> None:
        """Take what is wanted from one call; the tensors must not be kept."""


@dataclass(frozen=True)
class ProbedModel:
    """A transformers model that passed the self-check, with its tokenizer and its record."""

    module: PreTrainedModel
    """The transformers model."""

    tokenizer: Any
    """Its tokenizer, or None."""

    shape: ModelShape
    record: MeasuredModel
    """Who the model is, for the files of its runs."""

    map_sources: tuple[MapSource, ...] | None = None
    """Where attention maps come out of a model outside the attention interface; None if it is streamed."""

    @property
    def device(self) -> torch.device:
        """Where the embedding lies, and with it the input."""
        device: torch.device = self.module.get_input_embeddings().weight.device
        return device

    @property
    def dtype(self) -> torch.dtype:
        """Number format of the weights."""
        dtype: torch.dtype = self.module.dtype
        return dtype

    @property
    def attention(self) -> str:
        """How its attention is read, as records say it."""
        return IMPLEMENTATION if self.map_sources is None else FALLBACK

    @property
    def first_id(self) -> int | None:
        """Id of the token that the tokenizer calls the start of a text, or None."""
        return None if self.tokenizer is None else self.tokenizer.bos_token_id

    @cached_property
    def weights(self) -> ModelWeights:
        """The weights by head, read and proved on first use.

        Raises:
            UnsupportedModelError: the architecture keeps its weights in a way we do not know.
            SelfCheckError: the weights do not give the model's own outputs.
        """
        return read_weights(self.module, self.shape, is_streamed=self.map_sources is None)

    def reading(self, reader: CallReader) -> AbstractContextManager[None]:
        """Show every attention call of the model to a reader for the length of a with block.

        Args:
            reader: Sees one call a layer and forward pass.

        Returns:
            The block's context; run the model inside.
        """
        if self.map_sources is None:
            return reading(self.module, reader)
        return reading_maps(self.module, backbone(self.module), self.map_sources, reader)

    def read(
        self, tokens: Tokens, is_real: Bool[Tensor, "batch pos"] | None = None
    ) -> Float[Tensor, "batch pos d_model"]:
        """Run the layers on tokens; the logits are not computed.

        Args:
            tokens: Token ids, shape (batch, pos).
            is_real: False where a shorter sample was filled up at its end; None if nowhere. Only encoders need it: in
                a decoder no real token sees what comes after it.

        Returns:
            What the last layer gives, after the final norm.
        """
        inputs: dict[str, Any] = {"input_ids": tokens.to(self.device)}
        if self.shape.is_causal:
            inputs["use_cache"] = False
        else:
            inputs["attention_mask"] = None if is_real is None else is_real.to(self.device, torch.int64)
        states: Tensor = backbone(self.module)(**inputs).last_hidden_state
        return states

    def __repr__(self) -> str:
        shape = self.shape
        return f"ProbedModel({self.record.name}: {shape.n_layers} layers × {shape.n_heads} heads, {self.device})"
