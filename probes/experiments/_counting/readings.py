"""What every head of a one-layer model adds to the logits, at the separator and at the answer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from probes.shapes import Tokens
from probes.tiny.tasks.base import Batch
from probes.tiny.tasks.counting import NO, YES
from probes.tiny.transformer import TinyForCausalLM


@dataclass(frozen=True)
class Rows:
    """Attention of the separator over strings of one length, and what it finds there."""

    tokens: Tokens
    """Shape (batch, pos); all but the label, which the separator does not see."""

    scores: Float[Tensor, "batch head pos"]
    """Before softmax."""

    values: Float[Tensor, "batch head pos"]
    """Margin that a head would add if it attended to one position alone."""

    @property
    def pattern(self) -> Float[Tensor, "batch head pos"]:
        """Attention after softmax."""
        return self.scores.softmax(-1)


@dataclass(frozen=True)
class Readings:
    """A model on strings of many lengths; the axis query is (separator, answer)."""

    heads: Float[Tensor, "string query head d_vocab"]
    """Logits that each head adds."""

    direct: Float[Tensor, "string query d_vocab"]
    """Logits of the residual path and the bias."""

    targets: Int[Tensor, "string query"]
    rows: list[Rows]

    @property
    def n_heads(self) -> int:
        """Number of heads."""
        return self.heads.shape[2]

    @property
    def is_yes(self) -> Bool[Tensor, " string"]:
        """Whether there are more 1s than 0s."""
        return self.targets[:, 0] == YES

    @property
    def margins(self) -> Float[Tensor, "string head"]:
        """Logit of [YES] less that of [NO], which each head adds at the separator."""
        return margin(self.heads[:, 0])

    def only(self, is_chosen: Bool[Tensor, " string"]) -> "Readings":
        """The logits of some strings, without their rows.

        Args:
            is_chosen: Which strings.

        Returns:
            Their readings.
        """
        return Readings(self.heads[is_chosen], self.direct[is_chosen], self.targets[is_chosen], [])


def margin(logits: Float[Tensor, "*rest d_vocab"]) -> Float[Tensor, "*rest"]:
    """Logit of [YES] less that of [NO].

    Args:
        logits: Shape (..., d_vocab).

    Returns:
        Shape (...).
    """
    return logits[..., YES] - logits[..., NO]


@torch.no_grad()
def read(model: TinyForCausalLM, batches: Sequence[Batch]) -> Readings:
    """Take a model apart on sentences.

    Args:
        model: A model of one layer.
        batches: Sentences, one batch a length.

    Returns:
        The readings, on the CPU; heads and direct path sum to the model's logits.
    """
    parts = [_read_batch(model, batch.to(model.device)) for batch in batches]
    return Readings(
        heads=torch.cat([part.heads for part in parts]).cpu(),
        direct=torch.cat([part.direct for part in parts]).cpu(),
        targets=torch.cat([batch.targets[:, -2:] for batch in batches]).cpu(),
        rows=[part.rows[0] for part in parts],
    )


def _read_batch(model: TinyForCausalLM, batch: Batch) -> Readings:
    layer, head = model.attention(0), model.lm_head
    output = model(batch.tokens)
    resid, n_heads = output.hidden_states[0], output.attentions[0].shape[1]
    separator = batch.tokens.shape[1] - 2
    W_OU = layer.o_proj.weight.T.unflatten(0, (n_heads, -1)) @ head.weight.T
    values = torch.einsum("bphd,hdv->bhpv", layer.v_proj(resid).unflatten(-1, (n_heads, -1)), W_OU)
    added = torch.einsum("bhqp,bhpv->bqhv", output.attentions[0][:, :, separator:], values)
    query = layer.q_proj(resid[:, separator]).unflatten(-1, (n_heads, -1))
    key = layer.k_proj(resid[:, :-1]).unflatten(-1, (n_heads, -1))
    scores = torch.einsum("bhd,bphd->bhp", query, key) / math.sqrt(layer.d_head)
    rows = Rows(batch.tokens[:, :-1].cpu(), scores.cpu(), margin(values)[:, :, :-1].cpu())
    has_direct = model.config.has_residual
    direct = resid[:, separator:] @ head.weight.T * has_direct + head.bias
    return Readings(added, direct, batch.targets[:, -2:], [rows])
