"""Attention from the end of an indirect-object prompt to the second mention of the repeated name.

The model reads sentences in which two people are named, one of them twice: "... Alice and Peter ..., and Peter handed a
ticket to". IO is the person to be named next, S1 and S2 are the mentions of the other, END is the last token.

Score: attention from END to S2, mean over prompts. From 0 to 1; higher means more like an S-inhibition head. This is
the part of the definition that attention shows and no more: in the paper a head counts if path patching shows that
what it writes changes the queries of the name movers, so that they avoid S. A head may look at S2 for other reasons,
for instance to write against S directly.

Null: attention from END to IO, so that a head which looks at any name is not called. Notes: how well the model does
the task; where it does not, there is nothing to inhibit.

Source: wang-2022-ioi. Differs from the paper: attention in place of path patching; sentences and names are ours. The
paper sets no threshold.
"""

from probes.indirect_object import NamePattern


class SInhibition(NamePattern):
    """Looks from END to S2."""

    name = "s_inhibition"
    head_type = "s_inhibition"
    query, key, null_key = "END", "S2", "IO"
    threshold = 0.4
    threshold_source = "our choice, that of the other attention patterns; no paper sets one"


DETECTOR = SInhibition()
