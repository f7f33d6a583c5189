"""The successor detector on weights set by hand, on random ones, and with tokenizers that leave little."""

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from probes import load_model, run
from probes.circuits.succession import DAYS, LEAST_ITEMS, MONTHS, ORDINALS, Series, defined_tasks
from probes.detectors import load
from probes.errors import BadInputError
from probes.tiny.planted_circuits import SUCCESSOR_HEAD, planted_circuits

DETECTOR = load("successor")
LISTS = (tuple(day.capitalize() for day in DAYS), tuple(f" {month}" for month in MONTHS), ORDINALS)
WRAPS = (True, True, False)


def whole_words(words):
    """A tokenizer that keeps these texts whole and knows no other."""
    vocabulary = {word: number for number, word in enumerate(["[UNK]", *words])}
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel(vocabulary, "[UNK]")), unk_token="[UNK]")


def successor_table(tokenizer, size=64):
    table = torch.full((size,), -1)
    for words, wraps in zip(LISTS, WRAPS, strict=True):
        ids = [tokenizer.get_vocab()[word] for word in words]
        for number, after in zip(ids, [*ids[1:], ids[0] if wraps else -1], strict=True):
            table[number] = after
    return table


@pytest.fixture(scope="module")
def tokenizer():
    return whole_words([word for words in LISTS for word in words])


@pytest.fixture(scope="module")
def planted_successor(tokenizer):
    return load_model(planted_circuits(successor_table(tokenizer)), tokenizer=tokenizer, name="Planted circuits")


def random_model(tokenizer):
    torch.manual_seed(0)
    sizes = {"vocab_size": 64, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 3}
    config = LlamaConfig(**sizes, num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=False)
    return load_model(LlamaForCausalLM(config), tokenizer=tokenizer, name="Random Llama")


def test_exactly_the_planted_head_is_called(planted_successor):
    found = run(planted_successor, "successor", progress=False)["successor"]
    assert found.run.called() == [SUCCESSOR_HEAD]
    assert found[SUCCESSOR_HEAD].score == 1
    notes = found.run.notes
    assert notes["task_weekdays"] == "7 of 7 words are single tokens, 1 form(s)"
    assert notes["task_numbers"] == "not defined: 0 of 200 words are single tokens"
    assert notes["n_pairs"] == 7 + 12 + 9
    assert notes["chance"] == pytest.approx((1 / 7 + 1 / 12 + 1 / 10) / 3)
    assert notes["best_head_pooled"] == f"{SUCCESSOR_HEAD} 1.00"
    assert notes["best_of_all_heads_by_chance"] < DETECTOR.threshold


def test_copier_scores_only_if_the_item_itself_is_no_candidate(tokenizer):
    """A head that writes the item strongly and the next one weakly is told by the notes alone."""
    model = planted_circuits(successor_table(tokenizer))
    output = model.model.layers[1].self_attn.o_proj.weight.data
    output[:64, :64] += 2 * torch.eye(64)
    found = run(load_model(model, tokenizer=tokenizer), "successor", progress=False)["successor"]
    assert found[SUCCESSOR_HEAD].score == 0
    assert found.run.notes["best_head_item_no_candidate"] == f"{SUCCESSOR_HEAD} 1.00"
    assert found.run.notes["heads_above_threshold_item_no_candidate"] == 1


def test_random_weights_call_none(tokenizer):
    assert run(random_model(tokenizer), "successor", progress=False)["successor"].called() == []


def test_lists_that_wrap_do_so_and_a_missing_word_takes_its_pairs_along():
    words = [word for word in DAYS if word != "wednesday"]
    tasks, notes = defined_tasks(whole_words([*words, *ORDINALS]))
    (days,), (ordinals,) = tasks["weekdays"], tasks["ordinals"]
    assert days.pairs.tolist() == [[0, 1], [2, 3], [3, 4], [4, 5], [5, 0]]
    assert len(ordinals.pairs) == len(ORDINALS) - 1
    assert notes["task_weekdays"] == "6 of 7 words are single tokens, 1 form(s)"


def test_too_few_words_are_no_task():
    tasks, notes = defined_tasks(whole_words(ORDINALS[: LEAST_ITEMS - 1]))
    assert tasks == {}
    assert notes["task_ordinals"] == "not defined: 4 of 10 words are single tokens"


def test_tokenizer_that_splits_every_word_is_refused_with_counts(planted_successor):
    model = load_model(planted_successor.module, tokenizer=whole_words(["x"]))
    with pytest.raises(BadInputError, match="weekdays not defined: 0 of 7 words"):
        run(model, "successor", progress=False)


def test_single_task_is_refused():
    words = whole_words(ORDINALS)
    with pytest.raises(BadInputError, match="needs 2 tasks, the tokenizer leaves 1"):
        DETECTOR.samples(random_model(words), seed=0)


def test_series_keeps_items_and_pairs_of_all_forms(tokenizer):
    tasks, _ = defined_tasks(tokenizer)
    assert {name: [len(series.items) for series in forms] for name, forms in tasks.items()} == {
        "weekdays": [7],
        "months": [12],
        "ordinals": [10],
    }
    assert all(isinstance(series, Series) for forms in tasks.values() for series in forms)
