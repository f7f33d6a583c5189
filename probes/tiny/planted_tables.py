"""One-layer models with one head that attends as a table says: by token, or by position; and a tokenizer for them.

The residual stream of a GPT-2 holds two one-hot codes, which token stands here and where it stands. One head's weights
turn them into scores; all other heads have zero weights, so they attend evenly.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from catalog.ids import HeadName

D_VOCAB = 64
N_CTX = 128
N_HEADS = 4
D_HEAD = 128
MATCH = 20.0
"""Score of the position that a head looks for, in nats; others score 0."""

TABLE_HEAD = HeadName(0, 1)
UNKNOWN = "[UNK]"


def planted_by_token(scores: Mapping[int, float]) -> GPT2LMHeadModel:
    """A model whose head TABLE_HEAD gives every key a score by its token, the same for all queries.

    Args:
        scores: Score of each token, in nats; 0 for those left out.

    Returns:
        The model, in evaluation mode.
    """
    model, columns = _without_weights(), _columns()
    attention = model.transformer.h[0].attn.c_attn
    for token, score in scores.items():
        attention.weight.data[token, model.config.n_embd + columns.start] = score * math.sqrt(D_HEAD) / _gain()
    attention.bias.data[columns.start] = 1.0
    return model


def planted_by_position(targets: Mapping[int, int]) -> GPT2LMHeadModel:
    """A model whose head TABLE_HEAD attends from each position to one chosen for it.

    Args:
        targets: Key position by query position; queries left out attend evenly.

    Returns:
        The model, in evaluation mode.
    """
    model, columns = _without_weights(), _columns()
    weight = model.transformer.h[0].attn.c_attn.weight.data[D_VOCAB:]
    size = math.sqrt(MATCH * math.sqrt(D_HEAD)) / _gain()
    weight[:N_CTX, model.config.n_embd :][:, columns] = size * torch.eye(N_CTX, D_HEAD)
    for query_pos, key_pos in targets.items():
        weight[query_pos, columns.start + key_pos] = size
    return model


def word_tokenizer(words: Sequence[str]) -> PreTrainedTokenizerFast:
    """A tokenizer of one token a word or sign.

    Args:
        words: Those with a token of their own, from id 1; all others are token 0.

    Returns:
        The tokenizer; it adds no start token.
    """
    vocabulary = {word: number for number, word in enumerate([UNKNOWN, *words])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token=UNKNOWN)


def _columns() -> slice:
    return slice(TABLE_HEAD.head * D_HEAD, (TABLE_HEAD.head + 1) * D_HEAD)


def _gain() -> float:
    """Value that the norm makes of a one in a residual stream of two ones and zeros otherwise."""
    return math.sqrt(N_HEADS * D_HEAD / 2)


def _without_weights() -> GPT2LMHeadModel:
    sizes = {"vocab_size": D_VOCAB, "n_positions": N_CTX, "n_embd": N_HEADS * D_HEAD, "n_head": N_HEADS, "n_inner": 8}
    model = GPT2LMHeadModel(
        GPT2Config(**sizes, n_layer=1, bos_token_id=0, eos_token_id=0, tie_word_embeddings=False)
    ).eval()
    for name, parameter in model.named_parameters():
        parameter.data.fill_(1.0 if "ln_" in name and name.endswith("weight") else 0.0)
    model.transformer.wte.weight.data[:, :D_VOCAB] = torch.eye(D_VOCAB)
    model.transformer.wpe.weight.data[:, D_VOCAB : D_VOCAB + N_CTX] = torch.eye(N_CTX)
    model.lm_head.weight.data[:, :D_VOCAB] = torch.eye(D_VOCAB)
    return model
