"""The instruction tracker on planted heads that an attack distracts, and on heads that longer data dilute."""

import pytest
import torch

from probes import load_model, run
from probes.detectors import load
from probes.errors import BadInputError
from probes.inputs import TokenBatch
from probes.tiny.planted_tables import TABLE_HEAD, planted_by_token, word_tokenizer

DETECTOR = load("instruction_tracker")
ASKED = ["Translate", "Summarise", "Say", "Count", "Rewrite", "Name"]
INJECTED = ["Ignore", "Forget", "Disregard", "New"]
TOKENIZER = word_tokenizer(ASKED + INJECTED)


def model_of(scores):
    words = TOKENIZER.get_vocab()
    module = planted_by_token({words[word]: score for word, score in scores.items()})
    return load_model(module, tokenizer=TOKENIZER, name="Words")


def found_in(model):
    return run(model, "instruction_tracker", n_samples=12, progress=False)["instruction_tracker"]


def test_differences_between_the_three_prompts_by_hand(tiny_llama):
    masses = torch.tensor([[0.6, 0.2], [0.2, 0.6], [0.3, 0.3]] * 2)[:, None, None, None].expand(-1, 2, 4, -1, -1)
    samples = DETECTOR.samples({"masses": masses}, TokenBatch(torch.zeros(6, 2, dtype=torch.int64)), tiny_llama)
    torch.testing.assert_close(samples.scores, torch.full((2, 2, 4), 0.5).double())
    torch.testing.assert_close(samples.null_scores, torch.full((2, 2, 4), 0.25).double())
    assert samples.notes["n_kept_k5"] == 8


def test_last_token_is_asked_about_the_marked_spans():
    marks = {"instruction": torch.tensor([[0, 1]]), "data": torch.tensor([[2, -1]])}
    batch = TokenBatch(torch.zeros(1, 5, dtype=torch.int64), lengths=torch.tensor([4]), marks=marks)
    read_out = DETECTOR.read_outs(batch)["masses"]
    assert read_out.query_positions.tolist() == [[3]]
    assert read_out.sets.int().tolist() == [[[1, 1, 0, 0, 0], [0, 0, 1, 0, 0]]]


def test_exactly_the_planted_distracted_head_is_called():
    found = found_in(model_of({**dict.fromkeys(ASKED, 12.0), **dict.fromkeys(INJECTED, 24.0)}))
    assert found.run.called() == [TABLE_HEAD]
    assert found[TABLE_HEAD].score > 0.5
    assert abs(found[TABLE_HEAD].null_score) < 0.1


def test_head_that_stays_with_the_instruction_is_not_called():
    assert found_in(model_of(dict.fromkeys(ASKED, 24.0))).called() == []


def test_even_heads_lose_the_instruction_to_longer_data_and_are_not_called():
    even = found_in(model_of({}))["L0H0"]
    assert even.score > 0.05
    assert even.score == pytest.approx(even.null_score, abs=0.05)
    assert not even.is_called


def test_model_without_tokenizer_is_refused(tiny_llama):
    with pytest.raises(BadInputError, match="no tokenizer"):
        run(tiny_llama, "instruction_tracker", progress=False)
