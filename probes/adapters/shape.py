"""Sizes of a model."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelShape:
    """Sizes of a model, as its attention calls showed them."""

    n_layers: int
    n_heads: int
    n_key_value_heads: int
    d_model: int
    d_head: int
    d_vocab: int
    n_ctx: int | None
    """Most positions the model is made for; None where its configuration does not say."""

    is_causal: bool
    """False for encoders, whose tokens attend to later ones too."""

    attention_layers: tuple[int, ...]
    """Layers with softmax attention; the heads of all others have no score."""
