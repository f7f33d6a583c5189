"""Dynamic scores: what heads write about a word while the model reads it, to hold static scores against.

With context, the output of each head at the last position of a carrier sentence, attention as it falls. Without, the
same head as if it attended to the source word alone: the value of that position in the clean run. Both go through W_O
and the unembedding, without any norm, and are counted like static scores.

Source: elhelo-2024-maps.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.forward import read
from probes.readouts.head_output import HeadOutput
from probes.readouts.value import Value
from probes.relations.carriers import Carrier
from probes.relations.source_vectors import MapOptions, outputs_of
from probes.relations.static import N_LARGEST, Counts
from probes.relations.vocabulary_scan import Scan

CONTEXTS = ("with_context", "without_context")


def count_dynamic(model: ProbedModel, carriers: Sequence[Carrier]) -> dict[str, Counts]:
    """Count what stands beyond the right targets in what heads write on text.

    Args:
        model: The model.
        carriers: Carrier sentences with the same pairs.

    Returns:
        By context, counts of shape (carrier × pair, layer, head); layers without softmax attention are left at -1.
    """
    z = [_read(model, one) for one in carriers]
    accepted = torch.cat([one.accepted for one in carriers]).to(model.weights.W_U.device)
    shape = model.shape
    counts = {
        name: torch.full((2, len(accepted), shape.n_layers, shape.n_heads), -1, dtype=torch.int16) for name in CONTEXTS
    }
    for layer in shape.attention_layers:
        W_O = outputs_of(model, model.weights.layer(layer), MapOptions())
        for place, name in enumerate(CONTEXTS):
            values = torch.cat([both[place][:, layer, :, 0] for both in z]).transpose(0, 1).to(W_O.device)
            beyond = Scan(values, W_O, model.weights.W_U, accepted).count(N_LARGEST)
            counts[name][:, :, layer] = torch.stack([beyond.above.T, beyond.below.T]).cpu().short()
    return {name: Counts(*both) for name, both in counts.items()}


def _read(model: ProbedModel, one: Carrier) -> tuple[Tensor, Tensor]:
    """Outputs at the last position, and values at the source; shape (pair, layer, head, 1, d_value) each."""
    n_pairs, length = one.batch.tokens.shape
    last, source = torch.full((n_pairs, 1), length - 1), torch.full((n_pairs, 1), one.source_pos)
    output, value = read(model, one.batch, [HeadOutput(last), Value(source)])
    return output, value
