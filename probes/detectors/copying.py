"""Share of tokens whose own logit a head raises most when it attends to them: the full OV circuit copies.

Score: share of a sample of the vocabulary whose own logit is among the 10 highest of the whole vocabulary, when the
head attends to the token alone: effective embedding, W_V, W_O, final norm, unembedding. From 0 to 1; higher means more
of a copying head. It says what the head would write, not where it looks. Chance is 10 by the size of the vocabulary;
the null asks for another token of the sample in place of the token itself.

Source: elhage-2021-framework asks of the OV circuit whether it copies, by its eigenvalues; wang-2022-ioi asks by rank.
Differs from the former: ranks in place of eigenvalues, which large common directions and tied embeddings mislead;
from the latter: tokens of the whole vocabulary in place of names, the 10 highest in place of 5, and all of the first
block in place of its MLP. No paper sets a threshold for this form.
"""

from probes.adapters.base import ProbedModel
from probes.circuits.full_ov import own_token_hits
from probes.detectors.base import Samples, WeightDetector
from probes.single_tokens import random_tokens

N_TOKENS = 400
"""Tokens of the vocabulary that are asked."""

N_HIGHEST = 10
"""Logits that count as highest."""


class Copying(WeightDetector):
    """Own-token rank from the top."""

    name = "copying"
    head_type = "copy"
    inputs = f"{N_TOKENS} random tokens of the vocabulary, each alone"
    threshold = 0.3
    threshold_source = "our choice; no paper sets one"

    def samples(self, model: ProbedModel, seed: int) -> Samples:
        """Whether each token is among those that it raises most."""
        chosen = random_tokens(model, N_TOKENS, self.generator(seed))
        own, other = own_token_hits(model, chosen, n_extreme=N_HIGHEST, is_lowest=False)
        notes = {"n_tokens": len(chosen), "chance": N_HIGHEST / model.weights.W_U.shape[1]}
        return Samples(own, other, notes)


DETECTOR = Copying()
