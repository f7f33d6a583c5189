"""A whole small transformer in one file: attention with or without MLPs, for models that are trained to be taken apart.

It is a transformers model with attention in transformers' own interface, so every detector runs on it, and it runs
under torch.func with the parameters of many seeds stacked. Importing this file makes it known to transformers, so
that a saved folder loads like any other.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.masking_utils import create_causal_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.utils import ModelOutput, logging

from probes.errors import BadInputError
from probes.shapes import Tokens

Positions = Literal["none", "learned", "rotary"]
Residual = Float[Tensor, "batch pos d_model"]
ROTARY_BASE = 10_000.0


class TinyConfig(PreTrainedConfig):
    """Sizes and parts of a small transformer, in the words of transformers."""

    model_type = "headatlas_tiny"

    def __init__(
        self,
        vocab_size: int = 8,
        hidden_size: int = 64,
        num_hidden_layers: int = 1,
        num_attention_heads: int = 4,
        heads_per_layer: list[int] | None = None,
        intermediate_size: int = 0,
        max_position_embeddings: int = 64,
        positions: Positions = "none",
        has_norms: bool = False,
        has_biases: bool = False,
        has_residual: bool = True,
        n_readouts: int = 1,
        embedding_std: float = 0.5,
        **others: Any,
    ) -> None:
        """Describe a model.

        Args:
            vocab_size: Number of tokens.
            hidden_size: Width of the residual stream.
            num_hidden_layers: Number of layers.
            num_attention_heads: Heads of each layer.
            heads_per_layer: Heads by layer, where layers differ.
            intermediate_size: Width of the MLPs; 0 for none.
            max_position_embeddings: Longest input.
            positions: How attention knows positions: not at all, by learned vectors, or by rotation.
            has_norms: LayerNorm in front of every part and behind the last layer.
            has_biases: Biases in attention and MLPs; the unembedding always has one.
            has_residual: Whether the input of a layer is added to its output.
            n_readouts: Unembeddings side by side; the last one gives the logits.
            embedding_std: Standard deviation of embeddings and learned positions at the start.
            others: For transformers.

        Raises:
            BadInputError: sizes that contradict each other.
        """
        self.vocab_size, self.hidden_size, self.num_hidden_layers = vocab_size, hidden_size, num_hidden_layers
        self.num_attention_heads, self.heads_per_layer = num_attention_heads, heads_per_layer
        self.intermediate_size, self.max_position_embeddings = intermediate_size, max_position_embeddings
        self.positions, self.has_norms, self.has_biases = positions, has_norms, has_biases
        self.has_residual, self.n_readouts, self.embedding_std = has_residual, n_readouts, embedding_std
        others.setdefault("tie_word_embeddings", False)
        super().__init__(**others)
        check_heads(hidden_size, self.n_heads_by_layer, positions)

    @property
    def n_heads_by_layer(self) -> list[int]:
        """Heads of each layer.

        Raises:
            BadInputError: heads are given for another number of layers.
        """
        heads = self.heads_per_layer or [self.num_attention_heads] * self.num_hidden_layers
        if len(heads) != self.num_hidden_layers:
            raise BadInputError(f"heads are given for {len(heads)} layers, the model has {self.num_hidden_layers}")
        return heads


def check_heads(d_model: int, n_heads_by_layer: Sequence[int], positions: Positions = "none") -> None:
    """Refuse heads that the width cannot be shared out to.

    Args:
        d_model: Width of the residual stream.
        n_heads_by_layer: Heads of each layer.
        positions: Rotation needs heads of even width.

    Raises:
        BadInputError: names the layer, and numbers of heads that fit.
    """
    for layer, n_heads in enumerate(n_heads_by_layer):
        if n_heads < 1 or d_model % n_heads:
            fitting = ", ".join(str(n) for n in range(1, d_model + 1) if d_model % n == 0)
            raise BadInputError(
                f"layer {layer}: {n_heads} heads do not divide the width {d_model}; choose one of {fitting}"
            )
        if positions == "rotary" and (d_model // n_heads) % 2:
            raise BadInputError(f"layer {layer}: rotary positions need heads of even width, not {d_model // n_heads}")


@dataclass
class TinyOutput(ModelOutput):
    """What a small transformer gives."""

    logits: Float[Tensor, "batch pos d_vocab"] | None = None
    """Those of the last read-out."""
    readouts: Float[Tensor, "batch pos n_readouts d_vocab"] | None = None
    last_hidden_state: Residual | None = None
    """After the final norm, if there is one."""
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor | None, ...] | None = None


def attend(
    _module: nn.Module,
    query: Float[Tensor, "batch head query_pos d_head"],
    key: Float[Tensor, "batch head key_pos d_head"],
    value: Float[Tensor, "batch head key_pos d_head"],
    attention_mask: Bool[Tensor, "_batch 1 query_pos key_pos"],
    scaling: float,
    **_others: Any,
) -> tuple[Float[Tensor, "batch query_pos head d_head"], Float[Tensor, "batch head query_pos key_pos"]]:
    """Attention with its map, in a form that torch.func can stack.

    Args:
        query: Shape (batch, head, query_pos, d_head).
        key: Shape (batch, head, key_pos, d_head).
        value: Likewise.
        attention_mask: True where a query sees a key.
        scaling: Factor on the scores.

    Returns:
        z, shape (batch, query_pos, head, d_head), and the map.
    """
    scores = torch.matmul(query, key.transpose(-1, -2)) * scaling
    pattern = scores.masked_fill(~attention_mask, torch.finfo(scores.dtype).min).softmax(-1)
    return torch.matmul(pattern, value).transpose(1, 2), pattern


class TinyAttention(nn.Module):
    """One layer of attention."""

    is_causal = True

    def __init__(self, config: TinyConfig, layer_idx: int) -> None:
        super().__init__()
        self.config, self.layer_idx = config, layer_idx
        self.d_head = config.hidden_size // config.n_heads_by_layer[layer_idx]
        sizes = (config.hidden_size, config.hidden_size)
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(*sizes, config.has_biases) for _ in range(4))

    def forward(self, resid: Residual, mask: Any) -> tuple[Residual, Tensor | None]:
        """What the layer adds to the residual stream, and its map where the implementation gives one."""
        query, key, value = (
            projection(resid).unflatten(-1, (-1, self.d_head)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        if self.config.positions == "rotary":
            query, key = rotate(query), rotate(key)
        function = ALL_ATTENTION_FUNCTIONS.get_interface(self.config._attn_implementation, attend)
        z, pattern = function(self, query, key, value, mask, scaling=1 / math.sqrt(self.d_head))
        return self.o_proj(z.flatten(2)), pattern


def rotate(x: Float[Tensor, "batch head pos d_head"]) -> Float[Tensor, "batch head pos d_head"]:
    """Queries or keys turned by an angle that grows with their position.

    Args:
        x: Shape (batch, head, pos, d_head).

    Returns:
        Same shape.
    """
    half = x.shape[-1] // 2
    frequencies = ROTARY_BASE ** -(torch.arange(half, device=x.device) / half)
    angles = torch.arange(x.shape[2], device=x.device)[:, None] * frequencies
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


class TinyBlock(nn.Module):
    """Attention, and an MLP if the model has any."""

    def __init__(self, config: TinyConfig, layer_idx: int) -> None:
        super().__init__()
        self.has_residual = config.has_residual
        self.attention_norm = _norm(config)
        self.attention = TinyAttention(config, layer_idx)
        self.mlp: nn.Sequential | None = None
        if config.intermediate_size:
            self.mlp = nn.Sequential(
                _norm(config),
                nn.Linear(config.hidden_size, config.intermediate_size, config.has_biases),
                nn.GELU(),
                nn.Linear(config.intermediate_size, config.hidden_size, config.has_biases),
            )

    def forward(self, resid: Residual, mask: Any) -> tuple[Residual, Tensor | None]:
        """The residual stream after the layer, and the layer's map."""
        added, pattern = self.attention(self.attention_norm(resid), mask)
        resid = resid + added if self.has_residual else added
        if self.mlp is not None:
            resid = resid + self.mlp(resid) if self.has_residual else self.mlp(resid)
        return resid, pattern


def _norm(config: TinyConfig) -> nn.Module:
    return nn.LayerNorm(config.hidden_size) if config.has_norms else nn.Identity()


class TinyPreTrained(PreTrainedModel):
    """What both classes below share with transformers."""

    config_class = TinyConfig
    base_model_prefix = "model"
    _supports_attention_backend = True
    _no_split_modules: ClassVar = ["TinyBlock"]

    def _init_weights(self, module: nn.Module) -> None:
        """Normal embeddings; linear layers start as torch has them, uniform within 1 / sqrt(d_in)."""
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=self.config.embedding_std)


class TinyModel(TinyPreTrained):
    """Tokens in, residual stream out."""

    def __init__(self, config: TinyConfig) -> None:
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.embed_positions = (
            nn.Embedding(config.max_position_embeddings, config.hidden_size) if config.positions == "learned" else None
        )
        self.layers = nn.ModuleList(TinyBlock(config, layer) for layer in range(config.num_hidden_layers))
        self.final_norm = _norm(config)
        self.post_init()

    def forward(
        self, input_ids: Tokens, attention_mask: Int[Tensor, "batch pos"] | None = None, **others: Any
    ) -> TinyOutput:
        """Run the layers.

        Args:
            input_ids: Shape (batch, pos).
            attention_mask: 0 where a token is only filling.
            others: What transformers hands to every model; not needed here.

        Returns:
            The residual stream after each layer, and the maps where the attention implementation gives them.
        """
        resid = self.embed_tokens(input_ids)
        if self.embed_positions is not None:
            resid = resid + self.embed_positions.weight[: input_ids.shape[1]]
        mask = self._mask(resid, attention_mask)
        states, patterns = [resid], []
        for layer in self.layers:
            resid, pattern = layer(resid, mask)
            states.append(resid)
            patterns.append(pattern)
        return TinyOutput(
            last_hidden_state=self.final_norm(resid), hidden_states=tuple(states), attentions=tuple(patterns)
        )

    def _mask(self, resid: Residual, attention_mask: Tensor | None) -> Any:
        if self.config._attn_implementation != "eager":
            return create_causal_mask(self.config, resid, attention_mask, past_key_values=None)
        n_pos = resid.shape[1]
        causal = torch.ones(n_pos, n_pos, dtype=torch.bool, device=resid.device).tril()[None, None]
        return causal if attention_mask is None else causal & attention_mask[:, None, None].bool()


class TinyForCausalLM(TinyPreTrained):
    """A small transformer with its unembeddings."""

    def __init__(self, config: TinyConfig) -> None:
        super().__init__(config)
        self.model = TinyModel(config)
        self.earlier_heads = nn.ModuleList(
            nn.Linear(config.hidden_size, config.vocab_size) for _ in range(config.n_readouts - 1)
        )
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size)
        self.post_init()

    def forward(
        self, input_ids: Tokens, attention_mask: Int[Tensor, "batch pos"] | None = None, **others: Any
    ) -> TinyOutput:
        """Run the model; arguments as for TinyModel.forward.

        Returns:
            Logits of all read-outs, and what the layers gave.
        """
        output = self.model(input_ids, attention_mask)
        heads = [*self.earlier_heads, self.lm_head]
        readouts = torch.stack([head(output.last_hidden_state) for head in heads], dim=2)
        return TinyOutput(**output, logits=readouts[:, :, -1], readouts=readouts)

    def attention(self, layer: int) -> TinyAttention:
        """Attention of one layer, counted from 0."""
        attention: TinyAttention = self.model.layers[layer].attention  # type: ignore[assignment]
        return attention

    def get_input_embeddings(self) -> nn.Module:
        """The embedding of tokens."""
        return self.model.embed_tokens

    def get_output_embeddings(self) -> nn.Module:
        """The last unembedding."""
        return self.lm_head


def new_model(config: TinyConfig, seed: int) -> TinyForCausalLM:
    """A model with random weights.

    Args:
        config: Its description.
        seed: The same seed gives the same weights on every device.

    Returns:
        The model, on the CPU.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return TinyForCausalLM._from_config(config, attn_implementation="eager")


def save_model(model: TinyForCausalLM, folder: Path) -> None:
    """Write a model to a folder that load_model takes, without a progress bar for so few numbers.

    Args:
        model: The model.
        folder: Made if it is missing.
    """
    is_shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        model.save_pretrained(folder)
    finally:
        if is_shown:
            logging.enable_progress_bar()


AutoConfig.register(TinyConfig.model_type, TinyConfig, exist_ok=True)
AutoModel.register(TinyConfig, TinyModel, exist_ok=True)
AutoModelForCausalLM.register(TinyConfig, TinyForCausalLM, exist_ok=True)
