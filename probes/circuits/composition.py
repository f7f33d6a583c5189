"""Composition: how far heads read what heads of earlier layers write, from their weights alone.

An earlier head writes through its OV circuit; a later one reads through the query side of its QK circuit
(Q-composition), through the key side (K-composition) or through its OV circuit (V-composition). The score is the
Frobenius norm of the product of both circuits by the product of their norms. It says how well the written directions
meet the read ones, not whether the later head ever attends to where the earlier one wrote.

Each circuit is a product of two thin matrices. Its outer side is replaced by the triangular factor of its QR
decomposition, which keeps the norm; what is left to multiply is d_head × d_model by d_model × d_head for each pair.

Source: elhage-2021-framework. Differs from the paper: norms are folded unless told otherwise. Rotary positions, norms
of queries and keys, and biases play no part.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import torch
from jaxtyping import Float
from rich.console import Console
from rich.progress import track
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.circuits.composed_pairs import Composition
from probes.circuits.factors import ov_circuit, qk_circuit
from probes.errors import BadInputError
from probes.weights import HeadWeights

Kind: TypeAlias = Literal["Q", "K", "V"]
"""Through which side the later head reads."""

KINDS: tuple[Kind, ...] = get_args(Kind)

N_DRAWS = 16
"""Pairs of random circuits that give the baseline; it varies little from one to the next."""


@dataclass(frozen=True)
class _Readers:
    """The circuits of a layer as readers: x @ near @ far, whose product over all of x has the norm of the circuit."""

    near: Float[Tensor, "shared d_model rank"]
    """Side that meets what was written; heads of a group may share it."""

    far: Float[Tensor, "shared group rank rest"]

    def norms_after(self, writers: Float[Tensor, "writer rest d_model"]) -> Float[Tensor, "writer head"]:
        """Frobenius norm of each writer's product with each reader."""
        met = torch.einsum("wrd,sdk->wsrk", writers, self.near)
        return (met[:, :, None] @ self.far).flatten(-2).norm(dim=-1).flatten(1)

    def norms(self) -> Float[Tensor, " head"]:
        """Frobenius norm of each reader itself."""
        return (_triangular(self.near)[:, None] @ self.far).flatten(-2).norm(dim=-1).flatten()


def composition(
    model: ProbedModel,
    kind: str = "K",
    *,
    fold_norms: bool = True,
    progress: bool = False,
) -> Composition:
    """Composition of every head with every head of an earlier layer.

    Args:
        model: The model.
        kind: "Q", "K" or "V": the side through which the later head reads.
        fold_norms: Whether input norms, and norms behind the attention, are folded into the circuits.
        progress: Show a progress bar on standard error.

    Returns:
        Scores from 0 to 1 with the baseline of random circuits of the same shapes; not a number where no layer lies
        between, where a layer has no softmax attention, or where a circuit is zero.

    Raises:
        BadInputError: there is no such kind.
        UnsupportedModelError: the architecture keeps its weights in a way we do not know.
    """
    if kind not in KINDS:
        raise BadInputError(f"composition of kind '{kind}' is not known; choose {', '.join(KINDS)}")
    shape, device = model.shape, model.weights.W_U.device
    scores = torch.full((shape.n_layers, shape.n_heads) * 2, torch.nan)
    written: dict[int, Tensor] = {}
    console = Console(stderr=True)
    title = f"{kind}-composition"
    for layer in track(shape.attention_layers, title, console=console, disable=not progress, transient=True):
        heads = model.weights.layer(layer)
        readers = _readers(heads, kind, fold_norms=fold_norms)
        own_norms = readers.norms().to(device)
        for earlier, writers in written.items():
            products = readers.norms_after(writers.to(readers.near.device)).to(device)
            scores[earlier, :, layer] = (products / own_norms).cpu()
        written[layer] = _writers(heads, fold_norms=fold_norms)
    return Composition(
        model=model.record.name,
        kind=kind,
        scores=scores,
        baseline=baseline(heads, kind),
        has_folded_norms=fold_norms,
    )


def baseline(heads: HeadWeights, kind: str) -> float:
    """Mean composition of random circuits with the shapes of a layer's.

    Args:
        heads: The layer whose shapes are taken.
        kind: "Q", "K" or "V".

    Returns:
        Close to 1/√d_model, the root mean square over all rotations of one circuit against the other.
    """
    generator = torch.Generator().manual_seed(0)
    d_model, d_value = heads.W_V.shape[1:]
    rank = d_value if kind == "V" else heads.W_Q.shape[2]
    draw: Callable[..., Tensor] = lambda *size: torch.randn(N_DRAWS, *size, generator=generator)  # noqa: E731
    writers = _of_norm_one(_triangular(draw(d_model, d_value)) @ draw(d_value, d_model))
    readers = _Readers(draw(d_model, rank), _triangular(draw(d_model, rank)).mT[:, None])
    return float((readers.norms_after(writers) / readers.norms()).diagonal().mean())


def _writers(heads: HeadWeights, *, fold_norms: bool) -> Float[Tensor, "head rest d_model"]:
    """OV circuits of norm one, their reading side as a triangle."""
    circuit = ov_circuit(heads, fold_norms=fold_norms)
    read = _triangular(circuit.reading).repeat_interleave(circuit.n_groups, 0)
    return _of_norm_one(read @ circuit.writing)


def _readers(heads: HeadWeights, kind: str, *, fold_norms: bool) -> _Readers:
    if kind == "V":
        ov = ov_circuit(heads, fold_norms=fold_norms)
        return _Readers(ov.reading, _by_group(_triangular(ov.writing.mT).mT, ov.n_groups))
    qk = qk_circuit(heads, fold_norms=fold_norms)
    if kind == "K":
        return _Readers(qk.key, _by_group(_triangular(qk.query).mT, qk.n_groups))
    return _Readers(qk.query, _triangular(qk.key).mT.repeat_interleave(qk.n_groups, 0)[:, None])


def _triangular(thin: Float[Tensor, "*rest d_model rank"]) -> Float[Tensor, "*rest least rank"]:
    """The square matrix that has the same products with anything behind it, up to a rotation."""
    return torch.linalg.qr(thin, mode="r").R


def _by_group(by_head: Tensor, n_groups: int) -> Tensor:
    return by_head.unflatten(0, (-1, n_groups))


def _of_norm_one(circuits: Float[Tensor, "head rest d_model"]) -> Float[Tensor, "head rest d_model"]:
    return circuits / circuits.flatten(1).norm(dim=1)[:, None, None]
