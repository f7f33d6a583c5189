"""Direct effect against the logit of the right name, of heads that look at that name.

The model reads sentences in which two people are named, one of them twice: "... Alice and Peter ..., and Peter handed a
ticket to". IO is the person to be named next, S the one named twice, END the last token.

Score: minus the mean over prompts of z @ W_O · (u_IO - u_S) at END, under the scale that the final norm has there,
where u is the unembedding; 0 in prompts in which the head gives IO no more attention than both mentions of S.
From minus infinity to infinity, in logits; higher means more like a negative name mover. The zeros leave out heads
that look at S and write S, which lower the difference as well but by moving a name.

Null: the effect on two names that the prompt does not mention. Notes: how well the model does the task; where it does
not, there is nothing to find.

Source: wang-2022-ioi. Differs from the paper: the direct path is taken apart in one run, with no second set of prompts
to patch from; sentences and names are ours; attention decides whether a head counts. The paper sets no threshold.
"""

from probes.indirect_object import NameEffect


class NegativeNameMover(NameEffect):
    """Lowers the logit of the name that it looks at."""

    name = "negative_name_mover"
    head_type = "negative_name_mover"
    sign = -1
    threshold = 0.25
    threshold_source = "our choice, that of name_mover; no paper sets one"


DETECTOR = NegativeNameMover()
