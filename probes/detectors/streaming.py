"""Attention to nothing but the first tokens and the most recent ones.

Score: mean over queries of the attention to the first 4 positions and to the last 32 up to the query, together. From 0
to 1; higher means more like a streaming head, whose cache may forget all in between. Queries before position 128 do not
count: of the 36 keys they see too much by chance. The null is what an even spread over all keys up to the query would
give these keys. Layers whose window hides the first tokens have no score, for they stream by construction.

Source: xiao-2024-duoattention. Differs from the paper: we measure attention, they train a gate for each key-value head
by how much the output changes; their sink and window are longer, as are their contexts. xiao-2023-streaming-sinks found
that 4 first tokens are enough.
"""

from collections.abc import Mapping

import torch

from probes.adapters.base import ProbedModel
from probes.detectors.base import PassDetector, Samples
from probes.inputs import TokenBatch
from probes.readouts.base import LayerReadOut
from probes.readouts.key_mass import KeyMass
from probes.readouts.recent_mass import RecentMass
from probes.recipes.natural_text import NaturalText
from probes.shapes import Queried, Reading

N_SINK = 4
N_RECENT = 32
FIRST_QUERY = 128


class Streaming(PassDetector):
    """Attention to the first and the last tokens."""

    name = "streaming"
    head_type = "streaming"
    recipe = NaturalText(length=256)
    threshold = 0.9
    threshold_source = "our choice: a tenth of the attention, at most, is lost; the paper ranks trained gates"
    shortest_input = FIRST_QUERY + 1

    def read_outs(self, batch: TokenBatch) -> Mapping[str, LayerReadOut]:
        """Mass on the first tokens and on the last ones."""
        queries = _queries(batch)
        sink = torch.where(queries[..., None], torch.arange(N_SINK), -1)
        return {"sink": KeyMass(sink), "recent": RecentMass(queries, N_RECENT)}

    def samples(self, readings: Mapping[str, Reading], batch: TokenBatch, model: ProbedModel) -> Samples:
        """Both masses together."""
        scores = readings["sink"].double() + readings["recent"].double()
        queries = _queries(batch).double()
        even = (N_SINK + N_RECENT) / torch.arange(1, batch.tokens.shape[1] + 1)
        null = (queries * even).sum(1) / queries.sum(1)
        return Samples(scores, torch.where(scores.isnan(), torch.nan, null[:, None, None]))


def _queries(batch: TokenBatch) -> Queried:
    """Real tokens with enough before them."""
    return batch.is_real & (torch.arange(batch.tokens.shape[1]) >= FIRST_QUERY)


DETECTOR = Streaming()
