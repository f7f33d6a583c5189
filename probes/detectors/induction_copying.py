"""Whether a head raises the token that it attends to, on random tokens that repeat: the copying half of induction.

Score: raise of the logit of the most attended token, by the raises of all tokens of the sample together; mean over
queries whose token occurred before. The raise of a token is its logit under the head's output alone, by the direct path
through final norm and unembedding, above the mean logit of the vocabulary, and 0 below it; a query that raises no token
of the sample scores 0, and so does one that attends most to the first position, where heads park their attention and
write a constant. From 0 to 1; higher means more copying. The null is the mean of the other tokens of the sample.

Heads that attend evenly hand over a mix, of which no token gets much: a low score does not say that a head would not
copy, for which see `copying`. Nor does a high one say that it attends as induction heads do: read it beside
`induction`.

Source: olsson-2022-induction. Differs from the paper: the tokens are repeated and only later copies count, so that
induction heads have something to look for; the share is not rescaled to -1 to 1. The paper sets no threshold.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.circuits.full_ov import over_layers
from probes.detectors.base import PassDetector, Samples
from probes.errors import InputTooShortError
from probes.inputs import TokenBatch, earlier_occurrences
from probes.readouts.base import ReadOut
from probes.readouts.head_output import HeadOutput
from probes.readouts.top_keys import TopKeys
from probes.shapes import Queried, QueryPositions, Reading

N_QUERIES = 8
"""Queries of a sample that are read, evenly spread over those that count."""


class InductionCopying(PassDetector):
    """Raise of the attended token."""

    name = "induction_copying"
    head_type = "induction"
    family = "direct effect"
    unit = "share"
    threshold = 0.2
    threshold_source = "our choice, ten times an even raise of 50 tokens; no paper sets one"
    shortest_input = 3

    def read_outs(self, batch: TokenBatch) -> Mapping[str, ReadOut]:
        """The most attended key and z of a few queries."""
        queries = spread(repeats(batch), N_QUERIES)
        return {"top": TopKeys(queries), "z": HeadOutput(queries)}

    def samples(self, readings: Mapping[str, Reading], batch: TokenBatch, model: ProbedModel) -> Samples:
        """Shares of the attended token, and of the others in the mean."""
        mean = model.weights.W_U.mean(1).float()
        samples = [tokens[is_real] for tokens, is_real in zip(batch.tokens, batch.is_real, strict=True)]

        def shares(layer: int) -> Tensor:
            z, top = readings["z"][:, layer].to(mean.device), readings["top"][:, layer, ..., 0]
            vectors = read_by_unembedding(model, layer, z)
            found = []
            for read, attended, tokens in zip(vectors, top, samples, strict=True):
                distinct, numbers = tokens[1:].unique(return_inverse=True)
                raises = (read @ (model.weights.direction(distinct) - mean).T).relu().cpu().double()
                wanted = torch.where(attended > 0, numbers[attended - 1], -1)
                found.append(shares_of(raises, wanted, is_query=attended[0] >= 0))
            return torch.stack(found, dim=1).flatten(0, 1)

        own, other = over_layers(model, shares).unflatten(0, (2, -1))
        return Samples(own, other, {"n_queries": int((spread(repeats(batch), N_QUERIES) >= 0).sum())})

    def check(self, batch: TokenBatch) -> None:
        """Refuse a sample without a token that repeats."""
        super().check(batch)
        empty = (~repeats(batch)).all(1).nonzero()
        if len(empty):
            raise InputTooShortError(
                f"detector '{self.name}' has nothing to measure in sample {int(empty[0]) + 1}: no token there occurs "
                "twice; use a longer text, or leave tokens out to measure on random tokens"
            )


def repeats(batch: TokenBatch) -> Queried:
    """Queries whose token occurred before.

    Args:
        batch: What the model reads.

    Returns:
        Shape (batch, query_pos).
    """
    return batch.is_real & (earlier_occurrences(batch.tokens) >= 0).any(-1)


def spread(queries: Queried, n_wanted: int) -> QueryPositions:
    """A few of the queries that count, evenly spread.

    Args:
        queries: Which count.
        n_wanted: How many of each sample.

    Returns:
        Shape (batch, n_wanted), ascending; -1 where a sample has fewer.
    """
    chosen = torch.full((len(queries), n_wanted), -1)
    for sample, row in enumerate(queries):
        positions = row.nonzero().squeeze(1)
        places = torch.linspace(0, len(positions) - 1, min(n_wanted, len(positions))).round().long()
        chosen[sample, : len(places)] = positions[places]
    return chosen


def read_by_unembedding(
    model: ProbedModel, layer: int, z: Float[Tensor, "sample head row d_value"]
) -> Float[Tensor, "sample head row d_model"]:
    """What the unembedding reads of every head by the direct path, up to a positive factor for each row.

    Args:
        model: The model.
        layer: Layer of the heads.
        z: Head outputs before W_O.

    Returns:
        Shape (sample, head, row, d_model).
    """
    outputs = model.weights.layer(layer).head_outputs(z)
    return model.weights.final_norm.linear(outputs, outputs.new_ones(1))


def shares_of(
    raises: Float[Tensor, "head row token"], attended: Int[Tensor, "head row"], *, is_query: Bool[Tensor, " row"]
) -> Float[Tensor, "two head"]:
    """Shares that tokens have in all raises of one sample, in the mean over its queries.

    Args:
        raises: How far each distinct token of the sample is raised, in any unit; not below 0.
        attended: Number of the attended token; -1 where it is none of these.
        is_query: Rows that count.

    Returns:
        Share of the attended token, and of one other token in the mean; 0 where nothing is raised.
    """
    total = raises.sum(-1)
    own = torch.where(attended >= 0, raises.gather(-1, attended[..., None].clamp(min=0)).squeeze(-1), 0.0)
    parts = torch.stack([own, (total - own) / max(raises.shape[-1] - 1, 1)])
    return torch.where(total > 0, parts / total, 0.0)[..., is_query].mean(-1)


DETECTOR = InductionCopying()
