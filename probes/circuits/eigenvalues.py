"""Eigenvalues of OV circuits over the vocabulary, from matrices of size d_head × d_head.

Embedding, W_V, W_O and unembedding make a table of the vocabulary whose eigenvalues that are not 0 are those of
W_O, unembedding, embedding, W_V: the same product, begun elsewhere.

Source: elhage-2021-framework.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.circuits.factors import ov_circuit
from probes.weights import HeadWeights, Norm

N_PARTS = 4
"""Parts of the vocabulary that are measured one by one."""


def is_tied(model: ProbedModel) -> bool:
    """Whether the unembedding is the embedding."""
    head: Tensor = model.module.get_output_embeddings().weight
    return head.data_ptr() == model.module.get_input_embeddings().weight.data_ptr()


def embedding_products(model: ProbedModel, generator: torch.Generator) -> Float[Tensor, "product d_model d_model"]:
    """Unembedding times embedding, summed over the tokens of each part of the vocabulary.

    Args:
        model: The model.
        generator: Source of the draw of the parts.

    Returns:
        The parts with every token itself, then the same parts with another token's embedding.
    """
    W_E, W_U = model.weights.W_E, model.weights.W_U
    mean = W_U.mean(1, keepdim=True).float()
    n_tokens = min(W_E.shape[0], W_U.shape[1])
    parts = torch.randperm(n_tokens, generator=generator).to(W_U.device).tensor_split(N_PARTS)
    own = [(W_U[:, part].float() - mean) @ W_E[part.to(W_E.device)].float().to(mean) for part in parts]
    other = [(W_U[:, part].float() - mean) @ W_E[part.roll(1).to(W_E.device)].float().to(mean) for part in parts]
    return torch.stack([*own, *other])


def small_circuits(
    heads: HeadWeights, final_norm: Norm, products: Float[Tensor, "product d_model d_model"]
) -> Float[Tensor, "product head d_value d_value"]:
    """Matrices whose eigenvalues are those of the full OV circuits, but for zeros.

    Args:
        heads: Weights of a layer.
        final_norm: The norm in front of the unembedding.
        products: Unembedding times embedding.

    Returns:
        W_O, final norm, product, input norm, W_V, for each product and head.
    """
    circuit = ov_circuit(heads)
    writing = final_norm.linear(circuit.writing.to(products), products.new_ones(1))
    return writing @ (products[:, None] @ circuit.reading.to(products)).repeat_interleave(circuit.n_groups, 1)


def eigenvalue_ratio(matrices: Float[Tensor, "*rest size size"]) -> Float[Tensor, "*rest"]:
    """Sum of the real parts of the eigenvalues by the sum of their sizes.

    Args:
        matrices: Square matrices.

    Returns:
        From -1 to 1; 0 for a matrix of zeros.
    """
    eigenvalues = torch.linalg.eigvals(matrices)
    sizes = eigenvalues.abs().sum(-1)
    return (eigenvalues.real.sum(-1) / sizes.clamp(min=torch.finfo(sizes.dtype).tiny)).double()
