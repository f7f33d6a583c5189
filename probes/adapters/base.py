"""A model that the probes can measure."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor, nn
from transformers import PreTrainedModel

from catalog.runs import MeasuredModel
from probes.adapters._weights import read_weights
from probes.adapters.shape import ModelShape
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
        return read_weights(self.module, self.shape)

    def read(self, tokens: Tokens, is_real: Bool[Tensor, "batch pos"] | None = None) -> None:
        """Run the layers on tokens; the logits are not computed.

        Args:
            tokens: Token ids, shape (batch, pos).
            is_real: False where a shorter sample was filled up at its end; None if nowhere. Only encoders need it: in
                a decoder no real token sees what comes after it.
        """
        inputs = {"input_ids": tokens.to(self.device)}
        if self.shape.is_causal:
            backbone(self.module)(**inputs, use_cache=False)
        else:
            attention_mask = None if is_real is None else is_real.to(self.device, torch.int64)
            backbone(self.module)(**inputs, attention_mask=attention_mask)

    def __repr__(self) -> str:
        shape = self.shape
        return f"ProbedModel({self.record.name}: {shape.n_layers} layers × {shape.n_heads} heads, {self.device})"
