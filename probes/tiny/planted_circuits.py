"""A model with hand-set weights in which one head copies, one suppresses and one names the next item of a series.

The residual stream holds a one-hot code of the token. All three heads stand in layer 1, layer 0 does nothing. The
copier is the induction head of planted.py without the previous-token head that it would need: it writes the token that
it attends to. The suppressor looks for the token that is about to be predicted and writes against it. The successor
writes the token that a table names. All other heads have zero weights.

Source: gould-2023-successor and mcdougall-2023-copy-suppression describe the heads; the weights are ours.
"""

import torch
from jaxtyping import Int
from torch import Tensor
from transformers import LlamaForCausalLM

from catalog.ids import HeadName
from probes.tiny.planted import D_HEAD, D_VOCAB, INDUCTION_HEAD, planted_llama

COPIER = INDUCTION_HEAD
SUCCESSOR_HEAD = HeadName(1, 0)
SUPPRESSOR = HeadName(1, 1)
"""Reads the same values as the successor: both share a key-value head."""


def planted_circuits(successors: Int[Tensor, " d_vocab"]) -> LlamaForCausalLM:
    """A Llama with a copier, a suppressor and a successor head.

    Args:
        successors: The token after each token, -1 where there is none.

    Returns:
        The model, in evaluation mode, with heads COPIER, SUPPRESSOR and SUCCESSOR_HEAD and D_VOCAB tokens.
    """
    model = planted_llama()
    for parameter in model.model.layers[0].self_attn.parameters():
        parameter.data.zero_()
    attention = model.model.layers[1].self_attn
    one_hot = torch.eye(D_VOCAB)
    code = torch.zeros(D_HEAD, D_VOCAB)
    code[:D_VOCAB] = one_hot
    attention.v_proj.weight.data[:D_HEAD, :D_VOCAB] = code
    attention.k_proj.weight.data[:D_HEAD, :D_VOCAB] = code
    attention.q_proj.weight.data[_rows(SUPPRESSOR), :D_VOCAB] = code
    attention.o_proj.weight.data[:D_VOCAB, _rows(SUPPRESSOR)] = -code.T
    table = torch.where(successors[:, None] == torch.arange(D_VOCAB), 1.0, 0.0)
    attention.o_proj.weight.data[:D_VOCAB, _rows(SUCCESSOR_HEAD)] = table.T @ code.T
    return model


def _rows(name: HeadName) -> slice:
    return slice(name.head * D_HEAD, (name.head + 1) * D_HEAD)
