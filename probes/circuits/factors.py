"""OV and QK circuits of a layer's heads as products of two thin matrices, with norms folded on request.

A norm is a factor that depends on the input, times a linear part: centring for LayerNorm, then the gain. Folding puts
the linear part into the circuit, so that it acts on the residual stream itself; the factor stays outside, and so do
rotary positions, norms of queries and keys, and the 1/√d_head of the attention. What biases add, those of norms
included, stands beside the matrices. Row-vector convention, x @ W.

Source: elhage-2021-framework.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from probes.weights import HeadWeights


@dataclass(frozen=True)
class OVCircuit:
    """What heads write of what they attend to: x @ reading @ writing + constant, before the attention weighs it."""

    reading: Float[Tensor, "kv_head d_model d_value"]
    writing: Float[Tensor, "head d_value d_model"]
    constant: Float[Tensor, "head d_model"]
    """Written whatever is attended to, since attention sums to one; the layer's own bias b_O is left out."""

    @property
    def n_groups(self) -> int:
        """Query heads that share one key-value head."""
        return self.writing.shape[0] // self.reading.shape[0]

    def reading_of(self, head: int) -> Float[Tensor, "d_model d_value"]:
        """Reading side of one query head."""
        return self.reading[head // self.n_groups]


@dataclass(frozen=True)
class QKCircuit:
    """Content part of attention scores: (x @ query + query_bias) · (y @ key + key_bias) for a query x and a key y."""

    query: Float[Tensor, "head d_model d_head"]
    key: Float[Tensor, "kv_head d_model d_head"]
    query_bias: Float[Tensor, "head d_head"]
    """With the key matrix it favours keys whatever the query."""

    key_bias: Float[Tensor, "kv_head d_head"]
    """Adds the same to every key of a query, so softmax does not see it."""

    @property
    def n_groups(self) -> int:
        """Query heads that share one key-value head."""
        return self.query.shape[0] // self.key.shape[0]

    def key_of(self, head: int) -> Float[Tensor, "d_model d_head"]:
        """Key side of one query head."""
        return self.key[head // self.n_groups]


def ov_circuit(heads: HeadWeights, *, fold_norms: bool = True) -> OVCircuit:
    """OV circuits of one layer.

    Args:
        heads: Weights of the layer.
        fold_norms: Whether the input norm's linear part is put in front, and that of a norm behind the attention
            behind; else the bare weights, for rows that are normed already.

    Returns:
        The circuits, in the numbers and on the device of the weights.
    """
    reading, b_V, writing = heads.W_V, heads.b_V, heads.W_O
    if fold_norms and heads.input_norm is not None:
        b_V = b_V + heads.input_norm.bias @ heads.W_V
        reading = heads.input_norm.folded(reading)
    if fold_norms and heads.output_norm is not None:
        writing = heads.output_norm.linear(writing, writing.new_ones(1))
    shared = b_V.repeat_interleave(heads.n_groups, 0)
    return OVCircuit(reading, writing, (shared[:, None] @ writing)[:, 0])


def qk_circuit(heads: HeadWeights, *, fold_norms: bool = True) -> QKCircuit:
    """QK circuits of one layer.

    Args:
        heads: Weights of the layer.
        fold_norms: Whether the input norm's linear part is put in front of both sides; else the bare weights.

    Returns:
        The circuits, in the numbers and on the device of the weights.
    """
    norm = heads.input_norm
    if norm is None or not fold_norms:
        return QKCircuit(heads.W_Q, heads.W_K, heads.b_Q, heads.b_K)
    return QKCircuit(
        norm.folded(heads.W_Q),
        norm.folded(heads.W_K),
        heads.b_Q + norm.bias @ heads.W_Q,
        heads.b_K + norm.bias @ heads.W_K,
    )
