"""Share of the OV circuit's eigenvalues that are positive: the first copying score, kept for comparison.

Score: sum of the real parts of the eigenvalues of embedding, W_V, W_O, unembedding, by the sum of their sizes, with the
gains of the norms folded in and the unembedding centred. From -1 to 1; 1 means that the head raises what it attends to,
-1 that it lowers it. The eigenvalues that are not 0 are those of a d_head × d_head matrix, so no table of the
vocabulary is formed. The samples are random quarters of the vocabulary; the null unembeds other
tokens than were embedded.

Warning: where embedding and unembedding are tied, which the notes tell, their product is never negative and directions
that all tokens share rule it. A quarter of all heads of SmolLM2 then lies beyond 0.9, while L24H4, which suppresses
copies, scores 0.47 and L23H0, which copies, -0.46. Use `copying` to find heads; this one is there to compare with
papers.

Source: elhage-2021-framework. Differs from the paper: mean over quarters of the vocabulary, for an error. The paper
sets no threshold.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.circuits import HeadWeights, Norm
from probes.detectors.base import Samples, WeightDetector
from probes.full_ov import over_layers

N_PARTS = 4
"""Parts of the vocabulary that are measured one by one."""

EXTREME = 0.9
"""Score beyond which the notes count heads."""


class CopyingEigenvalues(WeightDetector):
    """Ratio of the eigenvalues of the OV circuit."""

    name = "copying_eigenvalues"
    head_type = "copy"
    unit = "ratio"
    value_range = (-1.0, 1.0)
    inputs = f"the whole vocabulary in {N_PARTS} random parts"
    threshold = EXTREME
    threshold_source = "our choice; the paper sets none"

    def samples(self, model: ProbedModel, seed: int) -> Samples:
        """The ratio in each part of the vocabulary, and for tokens that are unembedded as others."""
        products = embedding_products(model, self.generator(seed))

        def ratios(layer: int) -> Tensor:
            circuit = model.weights.layer(layer)
            return eigenvalue_ratio(small_circuits(circuit, model.weights.final_norm, products))

        own, other = over_layers(model, ratios).unflatten(0, (2, -1))
        is_extreme = own.mean(0)[list(model.shape.attention_layers)].abs() > EXTREME
        notes = {"tied_embeddings": is_tied(model), "share_of_heads_beyond_0.9": float(is_extreme.double().mean())}
        return Samples(own, other, notes)


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
    circuit: HeadWeights, final_norm: Norm, products: Float[Tensor, "product d_model d_model"]
) -> Float[Tensor, "product head d_value d_value"]:
    """Matrices whose eigenvalues are those of the full OV circuits, but for zeros.

    Args:
        circuit: The heads of a layer.
        final_norm: The norm in front of the unembedding.
        products: Unembedding times embedding.

    Returns:
        W_O, final norm, product, input norm, W_V, for each product and head.
    """
    one = products.new_ones(1)
    W_O = circuit.W_O.to(products)
    W_O = W_O if circuit.output_norm is None else circuit.output_norm.linear(W_O, one)
    embedded = products if circuit.input_norm is None else circuit.input_norm.linear(products, one)
    W_V = circuit.W_V.to(products).repeat_interleave(circuit.n_groups, 0)
    return final_norm.linear(W_O, one) @ (embedded[:, None] @ W_V)


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


DETECTOR = CopyingEigenvalues()
