"""Attention from the second mention of a name to the token after the first, in indirect-object prompts.

The model reads sentences in which two people are named, one of them twice: "... Alice and Peter met ..., and Peter
handed a ticket to". S1 and S2 are the mentions of the person named twice, IO is the other.

Score: attention from S2 to the token right after S1, mean over prompts. From 0 to 1; higher means more like an
induction head. Unlike the detector induction, this one reads sentences and asks about one query in each.

Null: attention from S2 to the token right after IO. Notes: how well the model does the task.

Source: wang-2022-ioi. Differs from the paper: there, attention describes heads that path patching has found; sentences
and names are ours. The paper sets no threshold.
"""

from probes.indirect_object import NamePattern


class InductionName(NamePattern):
    """Looks from S2 to the token after S1."""

    name = "induction_name"
    head_type = "induction"
    query, key, null_key = "S2", "S1+1", "IO+1"
    threshold = 0.4
    threshold_source = "our choice, that of the other attention patterns; no paper sets one"


DETECTOR = InductionName()
