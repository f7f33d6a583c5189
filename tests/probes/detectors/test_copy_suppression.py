"""The copy-suppression detector on weights set by hand and on random ones."""

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from probes import load_model, run
from probes.single_tokens import function_word_ids, random_tokens
from probes.tiny.planted_circuits import SUPPRESSOR, planted_circuits


def test_exactly_the_suppressor_is_called():
    model = load_model(planted_circuits(torch.full((64,), -1)), name="Planted circuits")
    found = run(model, "copy_suppression", progress=False)["copy_suppression"]
    assert found.run.called() == [SUPPRESSOR]
    assert found[SUPPRESSOR].score == 1


def test_random_weights_and_copiers_are_not_called(tiny_llama, planted):
    for model in (tiny_llama, planted):
        assert run(model, "copy_suppression", progress=False)["copy_suppression"].called() == []


def test_function_words_are_left_out(tiny_llama):
    vocabulary = {word: number for number, word in enumerate(["[UNK]", " The", "of", "theatre", "Of course"])}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel(vocabulary, "[UNK]")), unk_token="[UNK]")
    assert function_word_ids(tokenizer).tolist() == [1, 2]
    model = load_model(tiny_llama.module, tokenizer=tokenizer)
    drawn = random_tokens(model, 50, torch.Generator().manual_seed(0), with_function_words=False)
    assert sorted(drawn.tolist()) == [3, 4]
