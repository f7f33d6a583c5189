"""Direct effect on the logit of the right name, of heads that look at that name.

The model reads sentences in which two people are named, one of them twice: "... Alice and Peter ..., and Peter handed a
ticket to". IO is the person to be named next, S the one named twice, END the last token.

Score: mean over prompts of z @ W_O · (u_IO - u_S) at END, under the scale that the final norm has there, where u is the
unembedding; 0 in prompts in which the head gives IO no more attention than both mentions of S. From minus infinity to
infinity, in logits; higher means more like a name mover. Effects of all heads and of all else add up to the difference
of the two logits before the zeros are put in. Those are there because a head that looks at S and writes against S
raises the difference too, often more than any name mover; it suppresses a name, it does not move one.

Null: the effect on two names that the prompt does not mention, so that a head which writes names whatever it reads is
not called. Notes: how well the model does the task; where it does not, there is nothing to find.

Source: wang-2022-ioi. Differs from the paper: the direct path is taken apart in one run, with no second set of prompts
to patch from; sentences and names are ours; attention decides whether a head counts, and name_mover_copying holds the
third sign of a name mover. The paper sets no threshold.
"""

from probes.indirect_object import NameEffect


class NameMover(NameEffect):
    """Raises the logit of the name that it looks at."""

    name = "name_mover"
    head_type = "name_mover"
    sign = 1
    threshold = 0.25
    threshold_source = "our choice, in a gap (0.24 to 0.30) of the demo model over four seeds; no paper sets one"


DETECTOR = NameMover()
