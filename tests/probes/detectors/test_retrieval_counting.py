"""The counting retrieval detector on steps written by hand and on a planted copier."""

import pytest
import torch

from probes import load_model, run
from probes.detectors import load
from probes.inputs import TokenBatch
from probes.recipes.needle import Needle, NeedleInHaystack
from probes.tiny.planted import INDUCTION_HEAD
from probes.tiny.planted_tables import word_tokenizer

DETECTOR = load("retrieval_counting")
WORDS = "The coat is red blue green white . How one two three four five"
SMALL = NeedleInHaystack(
    n_samples=4,
    lengths=(60,),
    needles=(Needle("The coat is red blue green white.", "How is it?", "red blue green white"),),
    haystacks=("one two three four five. " * 20,),
)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(type(DETECTOR), "recipe", SMALL)


@pytest.mark.parametrize(
    ("largest", "expected"),
    [([1, 2, 1, 2], 2.0), ([1, 2, 0, 0], 1.0), ([1, 1, 0, 0], 0.5), ([2, 1, 2, 1], 0.0)],
    ids=["repeats-itself", "once", "one-of-two", "wrong-tokens"],
)
def test_every_hit_counts_by_hand(tiny_llama, largest, expected):
    batch = TokenBatch(
        torch.tensor([[9, 5, 6, 8, 5, 6, 5, 6]] * 2),
        marks={"needle": torch.tensor([[1, 2]] * 2), "answer": torch.tensor([[4, 5, 6, 7]] * 2)},
    )
    keys = torch.tensor(largest)[None, None, None, :, None].expand(2, 2, 4, -1, -1)
    residual = torch.zeros(2, 4, tiny_llama.shape.d_model)
    samples = DETECTOR.samples({"largest": keys, "residual": residual}, batch, tiny_llama)
    assert samples.scores.unique().tolist() == [expected]


def test_exactly_the_planted_copier_is_called(planted, small):
    model = load_model(planted.module, tokenizer=word_tokenizer(WORDS.split()), name="Words")
    found = run(model, "retrieval_counting", n_samples=4, progress=False)["retrieval_counting"]
    assert found.run.called() == [INDUCTION_HEAD]
    assert found[INDUCTION_HEAD].score == pytest.approx(3 / 4, abs=0.01)


def test_random_model_has_no_such_head(tiny_llama, small):
    model = load_model(tiny_llama.module, tokenizer=word_tokenizer(WORDS.split()), name="Words")
    assert run(model, "retrieval_counting", n_samples=4, progress=False)["retrieval_counting"].called() == []
