"""Attention from the token after a name to that name, in indirect-object prompts.

The model reads sentences in which two people are named, one of them twice: "... Alice and Peter met ..., and Peter
handed a ticket to". S1 is the first mention of the person named twice.

Score: attention from the token right after S1 to S1, mean over prompts. From 0 to 1; higher means more like a
previous-token head. Unlike the detector previous_token, this one reads sentences and asks about one query in each.

Null: attention to a random other key up to the query. Notes: how well the model does the task.

Source: wang-2022-ioi. Differs from the paper: there, attention describes heads that path patching has found; sentences
and names are ours. The paper sets no threshold.
"""

from probes.indirect_object import NamePattern


class PreviousName(NamePattern):
    """Looks from the token after S1 to S1."""

    name = "previous_name"
    head_type = "previous_token"
    query, key = "S1+1", "S1"
    threshold = 0.4
    threshold_source = "our choice, that of the other attention patterns; no paper sets one"


DETECTOR = PreviousName()
