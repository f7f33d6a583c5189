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

from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.circuits.eigenvalues import N_PARTS, eigenvalue_ratio, embedding_products, is_tied, small_circuits
from probes.circuits.full_ov import over_layers
from probes.detectors.base import Samples, WeightDetector

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


DETECTOR = CopyingEigenvalues()
