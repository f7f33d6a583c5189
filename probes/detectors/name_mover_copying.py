"""How often a head that attends to a name alone would write that very name, read from the weights.

A name stands alone at the first position, goes through the first block, then through the head's norm and OV circuit,
the final norm and the unembedding.

Score: share of names that come out among the five highest logits of all names. From 0 to 1; higher means that the head
copies names, which a name mover has to do but an induction head does too. Five of n names is what chance gives, about
0.05 for 97 names. Equal logits count against the head.

Null: whether another name, drawn at random, is among the five. Notes: how many names there are.

Source: wang-2022-ioi. Differs from the paper: candidates are the names and not the whole vocabulary, which is easier;
the name stands alone and not in the sentence; biases of the values are left out. The paper reports above 0.95 for its
name movers and below 0.2 for the average head.
"""

import torch
from torch import Tensor

from probes.adapters.base import ProbedModel
from probes.circuits.effective_embedding import effective_embedding
from probes.detectors.base import Samples, WeightDetector
from probes.recipes.indirect_object import one_token_names

N_BEST = 5
"""Places in which the name must come out."""


class NameMoverCopying(WeightDetector):
    """Writes the name that it attends to."""

    name = "name_mover_copying"
    head_type = "name_mover"
    inputs = "names that are one token each, alone at the first position"
    threshold = 0.9
    threshold_source = "our choice, a little below the 0.95 that wang-2022-ioi reports for name movers"

    def samples(self, model: ProbedModel, seed: int) -> Samples:
        """Whether each name comes out, and whether another one does; one sample a name."""
        ids = torch.tensor(list(one_token_names(model.tokenizer).values()))
        embedded, directions = effective_embedding(model, ids), model.weights.direction(ids)
        others = _others(len(ids), self.generator(seed))
        scores = torch.full((len(ids), model.shape.n_layers, model.shape.n_heads), torch.nan, dtype=torch.float64)
        null_scores = scores.clone()
        for layer in model.shape.attention_layers:
            written = model.weights.layer(layer).through_ov(embedded.to(model.weights.W_U.device))
            logits = (model.weights.final_norm(written) @ directions.T).cpu()
            scores[:, layer] = _is_among_best(logits, torch.arange(len(ids)))
            null_scores[:, layer] = _is_among_best(logits, others)
        return Samples(scores, null_scores, {"n_names": len(ids), "n_best": N_BEST})


def _others(n_names: int, generator: torch.Generator) -> Tensor:
    """For each name another one, drawn evenly; shape (name,)."""
    steps = torch.randint(1, n_names, (n_names,), generator=generator)
    return (torch.arange(n_names) + steps) % n_names


def _is_among_best(logits: Tensor, wanted: Tensor) -> Tensor:
    """1 where the wanted name of each row is among the best, else 0; (head, name, name) to (name, head)."""
    own = logits.gather(2, wanted.expand(len(logits), -1)[..., None])
    n_not_below = (logits >= own).sum(-1)
    return (n_not_below <= N_BEST).double().T


DETECTOR = NameMoverCopying()
