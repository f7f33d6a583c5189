"""The weights of a model by head, as its adapter proved them, and what single layers make of rows.

Everything stays in low rank: rows go through W_V, then W_O, then the unembedding; no d_model × d_model product of a
head and no vocabulary × vocabulary table is ever formed. Row-vector convention, x @ W.

Source: elhage-2021-framework for the circuits.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from probes.errors import UnsupportedModelError

TOLERANCE = 1e-3
"""Largest relative difference between a norm and what we make of it."""


@dataclass(frozen=True)
class Norm:
    """A LayerNorm or RMSNorm, split into its scale, which depends on the input, and its linear part."""

    gain: Float[Tensor, " d_model"]
    bias: Float[Tensor, " d_model"]
    is_centred: bool
    """Whether the mean is taken off first, as LayerNorm does."""

    eps: float

    @classmethod
    def of(cls, module: nn.Module, d_model: int) -> "Norm":
        """The norm that a module computes, found by trying it, so that its class and its names do not matter.

        Args:
            module: Takes and gives (..., d_model).
            d_model: Width.

        Returns:
            The norm, in float32.

        Raises:
            UnsupportedModelError: the module is no such norm.
        """
        some = next(iter([*module.parameters(), *module.buffers()]), torch.zeros(()))
        compute: Callable[[Tensor], Tensor] = lambda x: module(x.to(some)).float()  # noqa: E731
        eps = float(getattr(module, "variance_epsilon", getattr(module, "eps", 1e-6)))
        with torch.no_grad():
            signs = torch.ones(d_model, device=some.device)
            signs[1::2] = -1
            bias = compute(torch.zeros_like(signs))
            is_centred = bool((compute(signs + 1) - compute(signs)).abs().max() < 1e-2)
            flat = cls(torch.ones_like(signs), torch.zeros_like(signs), is_centred, eps)
            norm = cls((compute(signs) - bias) / flat(signs), bias, is_centred, eps)
            probe = torch.randn(4, d_model, generator=torch.Generator().manual_seed(0)).to(some)
            error = (norm(probe.float()) - compute(probe)).abs().max() / compute(probe).abs().max().clamp(min=1e-6)
        if not error <= max(TOLERANCE, 8 * torch.finfo(some.dtype).eps):
            raise UnsupportedModelError(f"{type(module).__name__} is neither a LayerNorm nor an RMSNorm")
        return norm

    def __call__(self, x: Float[Tensor, "*rest d_model"]) -> Float[Tensor, "*rest d_model"]:
        """The norm of vectors."""
        return self.linear(x, self.scale(x)) + self.bias

    def scale(self, x: Float[Tensor, "*rest d_model"]) -> Float[Tensor, "*rest 1"]:
        """The factor that the norm applies to these vectors; frozen, it makes the norm linear."""
        return (self._centre(x).square().mean(-1, keepdim=True) + self.eps).rsqrt()

    def linear(
        self, x: Float[Tensor, "*rest d_model"], scale: Float[Tensor, "*_rest 1"]
    ) -> Float[Tensor, "*rest d_model"]:
        """What the norm makes of a part of its input, under a frozen scale and without the bias."""
        return self._centre(x) * scale * self.gain

    def folded(self, weight: Float[Tensor, "*rest d_model width"]) -> Float[Tensor, "*rest d_model width"]:
        """The matrix that does to the bare input what `weight` does to the norm's output, but for scale and bias.

        Args:
            weight: Applied to what the norm gives, as x @ W.

        Returns:
            x @ folded(W) = linear(x, 1) @ W.
        """
        scaled = self.gain[:, None] * weight
        return scaled - scaled.mean(-2, keepdim=True) if self.is_centred else scaled

    def _centre(self, x: Tensor) -> Tensor:
        return x - x.mean(-1, keepdim=True) if self.is_centred else x


@dataclass(frozen=True)
class HeadWeights:
    """The weights of one layer's attention by head, in float32; query head h reads key-value head h // n_groups."""

    W_Q: Float[Tensor, "head d_model d_head"]
    b_Q: Float[Tensor, "head d_head"]
    W_K: Float[Tensor, "kv_head d_model d_head"]
    b_K: Float[Tensor, "kv_head d_head"]
    W_V: Float[Tensor, "kv_head d_model d_value"]
    b_V: Float[Tensor, "kv_head d_value"]
    W_O: Float[Tensor, "head d_value d_model"]
    b_O: Float[Tensor, " d_model"]
    input_norm: Norm | None
    """Norm of the residual stream in front of the attention; None if there is none."""

    output_norm: Norm | None
    """Norm of the attention's output before it is added to the residual stream; None if there is none."""

    @property
    def n_groups(self) -> int:
        """Query heads that share one key-value head."""
        return self.W_Q.shape[0] // self.W_K.shape[0]

    def normed(self, residual: Float[Tensor, "*rest d_model"]) -> Float[Tensor, "*rest d_model"]:
        """What the attention reads of the residual stream."""
        return residual if self.input_norm is None else self.input_norm(residual)

    def head_outputs(self, z: Float[Tensor, "*sample head row d_value"]) -> Float[Tensor, "*sample head row d_model"]:
        """What each head adds to the residual stream.

        Args:
            z: All heads of the layer, as read by the read-out HeadOutput.

        Returns:
            Head outputs without the bias b_O; an output norm is applied with the scale of the whole layer.
        """
        outputs = z @ self.W_O
        if self.output_norm is None:
            return outputs
        whole = outputs.sum(-3, keepdim=True) + self.b_O
        return self.output_norm.linear(outputs, self.output_norm.scale(whole))

    def through_ov(self, residual: Float[Tensor, "row d_model"]) -> Float[Tensor, "head row d_model"]:
        """What each head would write if it attended to these vectors alone, by its OV circuit.

        Args:
            residual: Residual stream in front of the layer, such as an effective embedding.

        Returns:
            Shape (head, row, d_model), without biases; an output norm's gain is applied, its scale is not.
        """
        values = (self.normed(residual) @ self.W_V).repeat_interleave(self.n_groups, 0)
        written = values @ self.W_O
        return written if self.output_norm is None else self.output_norm.linear(written, written.new_ones(1))

    def qk_scores(
        self, query: Float[Tensor, "query d_model"], key: Float[Tensor, "key d_model"]
    ) -> Float[Tensor, "head query key"]:
        """Content part of the attention scores by the QK circuit: no positions, no query or key norms, not scaled.

        Args:
            query: What the attention reads at the queries, after the input norm.
            key: What it reads at the keys.

        Returns:
            Shape (head, query, key), biases included.
        """
        queries = query @ self.W_Q + self.b_Q[:, None]
        keys = (key @ self.W_K + self.b_K[:, None]).repeat_interleave(self.n_groups, 0)
        return queries @ keys.transpose(-1, -2)


@dataclass(frozen=True)
class ModelWeights:
    """The weights of a model as circuits see them."""

    layer: Callable[[int], HeadWeights]
    """Weights of a layer; made when asked for, so that only one layer at a time takes memory twice."""

    W_E: Float[Tensor, "d_vocab d_model"]
    """Embedding, as the model keeps it; what enters the first block may be scaled."""

    W_U: Float[Tensor, "d_model d_vocab"]
    """Unembedding; a constant factor that the model puts on its logits is included."""

    final_norm: Norm
    final_norm_module: nn.Module
    first_block: nn.Module

    def logits(self, residual: Float[Tensor, "*rest d_model"]) -> Float[Tensor, "*rest d_vocab"]:
        """Logits of the final residual stream, before soft-capping and without a bias of the unembedding.

        Args:
            residual: As read by the read-out FinalResidual.

        Returns:
            Logits.
        """
        return self.final_norm(residual) @ self.W_U.float()

    def direction(self, token_ids: Tensor) -> Float[Tensor, "*rest d_model"]:
        """Unembedding directions of tokens: a direct effect along one is an effect on that token's logit.

        Args:
            token_ids: Any shape.

        Returns:
            The shape of the ids, and d_model.
        """
        return self.W_U.T[token_ids.to(self.W_U.device)].float()
