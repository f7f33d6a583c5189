"""A model with hand-set weights that names the indirect object, and the tokenizer of words that it needs.

The residual stream holds which name stands here, the name of the subject, whether a name or an end stands here, the
position, and one large constant, beside which all else hardly changes the norm. In layer 0 an S-inhibition head looks
from the end to the last name, S2, and writes it to the subject part. In layer 1 a name mover and a negative name mover
look from the end to names that are not the subject; the one writes the name to the output, the other writes against it
with half the strength. All other heads have zero weights, so they attend evenly.

Source: wang-2022-ioi describes the circuit; the weights are ours.
"""

import math
import re

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from catalog.ids import HeadName
from probes.recipes.indirect_object import NAMES, OBJECTS, PLACES, TEMPLATES

N_NAMES = 24
"""Names that the tokenizer knows; it does not know the rest of the recipe's."""

D_MODEL = 128
D_HEAD = 32
CONSTANT_SIZE = 8.0
GAIN = math.sqrt(D_MODEL) / CONSTANT_SIZE
"""What the norm makes of a one."""

POSITION_STEP = 0.05

NAME = slice(0, N_NAMES)
SUBJECT = slice(N_NAMES, 2 * N_NAMES)
IS_NAME, IS_END, POSITION, CONSTANT = range(2 * N_NAMES, 2 * N_NAMES + 4)

S_INHIBITION_HEAD = HeadName(0, 1)
NAME_MOVER_HEAD = HeadName(1, 2)
NEGATIVE_NAME_MOVER_HEAD = HeadName(1, 3)


def names_tokenizer() -> PreTrainedTokenizerFast:
    """Tokenizer that knows the words of the indirect-object prompts, one token each, and the first names.

    Returns:
        The tokenizer; what it does not know becomes [UNK].
    """
    words = re.findall(r"\w+|[.,]", re.sub(r"\{\w+\}", "", " ".join(TEMPLATES)))
    vocabulary = dict.fromkeys(["[UNK]", *NAMES[:N_NAMES], *PLACES, *OBJECTS, *words])
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]")


def planted_names(tokenizer: PreTrainedTokenizerFast) -> GPT2LMHeadModel:
    """A GPT-2 that answers indirect-object prompts.

    Args:
        tokenizer: From names_tokenizer.

    Returns:
        The model, in evaluation mode, with heads S_INHIBITION_HEAD, NAME_MOVER_HEAD and NEGATIVE_NAME_MOVER_HEAD.
    """
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=64,
        n_embd=D_MODEL,
        n_layer=2,
        n_head=D_MODEL // D_HEAD,
        n_inner=8,
        bos_token_id=0,
        eos_token_id=0,
        tie_word_embeddings=False,
    )
    model = GPT2LMHeadModel(config).eval()
    for name, parameter in model.named_parameters():
        parameter.data.fill_(1.0 if "ln_" in name and name.endswith("weight") else 0.0)
    _embed(model, tokenizer)
    _plant_s_inhibition(model)
    for head, strength in ((NAME_MOVER_HEAD, 3.0), (NEGATIVE_NAME_MOVER_HEAD, -1.5)):
        _plant_mover(model, head, strength)
    return model


def _embed(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast) -> None:
    ids = tokenizer.convert_tokens_to_ids(list(NAMES[:N_NAMES]))
    embedding, positions = model.transformer.wte.weight.data, model.transformer.wpe.weight.data
    embedding[:, CONSTANT] = CONSTANT_SIZE
    embedding[ids, NAME] = torch.eye(N_NAMES)
    embedding[ids, IS_NAME] = 1.0
    embedding[tokenizer.convert_tokens_to_ids("to"), IS_END] = 1.0
    positions[:, POSITION] = POSITION_STEP * torch.arange(len(positions))
    model.lm_head.weight.data[ids, NAME] = torch.eye(N_NAMES)


def _plant_s_inhibition(model: GPT2LMHeadModel) -> None:
    """From an end to names, 40 nats, and rather to late tokens, 2 nats a step."""
    query, key, value, output = _views(model, S_INHIBITION_HEAD)
    query[IS_END, 0] = math.sqrt(D_HEAD) / GAIN
    key[IS_NAME, 0] = 40 / GAIN
    key[POSITION, 0] = 2 / POSITION_STEP / GAIN
    value[NAME, NAME] = torch.eye(N_NAMES) / GAIN
    output[NAME, SUBJECT] = torch.eye(N_NAMES)


def _plant_mover(model: GPT2LMHeadModel, head: HeadName, strength: float) -> None:
    """From an end to names, 20 nats, but not to that of the subject, which costs 40."""
    query, key, value, output = _views(model, head)
    query[SUBJECT, NAME] = -40 * math.sqrt(D_HEAD) / GAIN * torch.eye(N_NAMES)
    query[IS_END, N_NAMES] = 20 * math.sqrt(D_HEAD) / GAIN
    key[NAME, NAME] = torch.eye(N_NAMES) / GAIN
    key[IS_NAME, N_NAMES] = 1 / GAIN
    value[NAME, NAME] = torch.eye(N_NAMES) / GAIN
    output[NAME, NAME] = strength * torch.eye(N_NAMES)


def _views(model: GPT2LMHeadModel, name: HeadName) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Query, key, value (d_model, d_head) and output (d_head, d_model) of a head, as parts of the model's weights."""
    attention = model.transformer.h[name.layer].attn
    part = slice(name.head * D_HEAD, (name.head + 1) * D_HEAD)
    query, key, value = (weight[:, part] for weight in attention.c_attn.weight.data.split(D_MODEL, dim=1))
    return query, key, value, attention.c_proj.weight.data[part]
