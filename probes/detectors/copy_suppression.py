"""Share of tokens whose own logit a head lowers most when it attends to them: the full OV circuit suppresses.

Score: share of a sample of the vocabulary whose own logit is among the 10 lowest of the whole vocabulary, when the head
attends to the token alone: effective embedding, W_V, W_O, final norm, unembedding. From 0 to 1; higher means more of a
copy-suppressing head. Function words are left out, they carry little that could be suppressed. Chance is 10 by the size
of the vocabulary; the null asks for another token of the sample in place of the token itself. Whether the head also
looks at tokens that are about to be predicted is asked by copy_suppression_qk.

Source: mcdougall-2023-copy-suppression, who report it for single heads of GPT-2 small. Differs from the paper: a sample
of the vocabulary in place of all of it, and all of the first block in place of its MLP. The paper sets no threshold.
"""

from probes.adapters.base import ProbedModel
from probes.circuits.full_ov import own_token_hits
from probes.detectors.base import Samples, WeightDetector
from probes.single_tokens import function_word_ids, random_tokens

N_TOKENS = 400
"""Tokens of the vocabulary that are asked."""

N_LOWEST = 10
"""Logits that count as lowest."""


class CopySuppression(WeightDetector):
    """Own-token rank from the bottom."""

    name = "copy_suppression"
    head_type = "copy_suppression"
    inputs = f"{N_TOKENS} random tokens of the vocabulary without function words, each alone"
    threshold = 0.3
    threshold_source = "our choice; the paper sets none, its own head reaches about 0.85"

    def samples(self, model: ProbedModel, seed: int) -> Samples:
        """Whether each token is among those that it lowers most."""
        chosen = random_tokens(model, N_TOKENS, self.generator(seed), with_function_words=False)
        own, other = own_token_hits(model, chosen, n_extreme=N_LOWEST, is_lowest=True)
        notes = {
            "n_tokens": len(chosen),
            "n_function_words_left_out": len(function_word_ids(model.tokenizer)),
            "chance": N_LOWEST / model.weights.W_U.shape[1],
        }
        return Samples(own, other, notes)


DETECTOR = CopySuppression()
