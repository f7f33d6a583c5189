"""The shapes that travel between the parts of the probes, in the words of the field."""

from typing import TypeAlias

from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

Tokens: TypeAlias = Int[Tensor, "batch pos"]
"""Token ids."""

Logits: TypeAlias = Float[Tensor, "batch pos d_vocab"]

KeyPositions: TypeAlias = Int[Tensor, "batch query_pos n_keys"]
"""For every query position the key positions that count; -1 where there are fewer."""

Queries: TypeAlias = Float[Tensor, "batch head query_pos d_head"]
Keys: TypeAlias = Float[Tensor, "batch kv_head key_pos d_head"]
Values: TypeAlias = Float[Tensor, "batch kv_head key_pos d_value"]
AttentionPattern: TypeAlias = Float[Tensor, "batch head query_pos key_pos"]
"""Attention after softmax."""

LogSumExp: TypeAlias = Float[Tensor, "batch head query_pos"]
"""Logarithm of the softmax denominator of every row, in nats."""

KeyProbabilities: TypeAlias = Float[Tensor, "batch head query_pos n_keys"]
"""Attention that a query gives to each of its chosen keys; 0 where there is none."""

QueryPositions: TypeAlias = Int[Tensor, "batch n_rows"]
"""A few query positions of each sample; -1 where there are fewer."""

AttentionRows: TypeAlias = Float[Tensor, "batch head n_rows key_pos"]
"""Rows of the map for a few query positions."""

AttendedColumns: TypeAlias = Float[Tensor, "batch head query_pos n_columns"]
"""Attention applied to columns of one number a key."""

Queried: TypeAlias = Bool[Tensor, "batch query_pos"]
"""Query positions that count."""

KeySets: TypeAlias = Bool[Tensor, "batch n_sets key_pos"]
"""Which keys belong to which set."""

HeadOutputs: TypeAlias = Float[Tensor, "batch head query_pos d_value"]
"""z: what each head reads, before W_O."""

Visible: TypeAlias = Bool[Tensor, "..."]
"""Whether a query may attend to a key."""

SampleScores: TypeAlias = Float[Tensor, "sample layer head"]
"""One score a sample for every head."""

LayerHead: TypeAlias = Float[Tensor, "layer head"]

Present: TypeAlias = Bool[Tensor, "layer head"]
"""Heads that a score exists for."""

PerHead: TypeAlias = Shaped[Tensor, "batch head *rest"]
"""What a read-out takes from one layer: something for every sample and head."""

Reading: TypeAlias = Shaped[Tensor, "sample *rest"]  # noqa: F821
"""What a read-out took from a whole pass: (sample, layer, head, ...) for those that read attention calls."""
