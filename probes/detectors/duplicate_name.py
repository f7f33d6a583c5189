"""Attention from the second mention of a name to the first, in indirect-object prompts.

The model reads sentences in which two people are named, one of them twice: "... Alice and Peter ..., and Peter handed a
ticket to". S1 and S2 are the mentions of the person named twice, IO is the other.

Score: attention from S2 to S1, mean over prompts. From 0 to 1; higher means more like a duplicate-token head. Unlike
the detector duplicate_token, this one reads sentences, so heads that only compare words, or only names, count.

Null: attention from S2 to IO, so that a head which looks at any name is not called. Notes: how well the model does the
task.

Source: wang-2022-ioi. Differs from the paper: there, attention describes heads that path patching has found; sentences
and names are ours. The paper sets no threshold.
"""

from probes.indirect_object import NamePattern


class DuplicateName(NamePattern):
    """Looks from S2 to S1."""

    name = "duplicate_name"
    head_type = "duplicate_token"
    query, key, null_key = "S2", "S1", "IO"
    threshold = 0.4
    threshold_source = "our choice, that of the other attention patterns; no paper sets one"


DETECTOR = DuplicateName()
