"""The retrieval detector on steps written by hand, on a planted copier, and against decoding with attention maps."""

import random
from dataclasses import replace

import pytest
import torch

from probes import load_model, run
from probes.attention import attention_implementation
from probes.detectors import load
from probes.errors import BadInputError
from probes.inputs import TokenBatch
from probes.measure import measure
from probes.needle_hits import find_hits
from probes.recipes.needle import Needle, NeedleInHaystack
from probes.tiny.planted import INDUCTION_HEAD
from probes.tiny.planted_tables import word_tokenizer

DETECTOR = load("retrieval")
ANSWER = "red blue green white black brown"
PLACES = ["mill", "barn", "shed", "yard", "lane"]
FACTS = tuple(Needle(f"My {place} is {ANSWER}.", f"How is my {place}?", ANSWER) for place in PLACES)
FILLER = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
WORDS = (
    f"My is . How my ? {ANSWER} {' '.join(PLACES + FILLER)} Based on the text above , answer question : Question Answer"
)


def haystack(**settings):
    draw = random.Random(0)
    text = " ".join(" ".join(draw.sample(FILLER, 5)) + "." for _ in range(30))
    chosen = {"n_samples": 8, "lengths": (90,), "needles": FACTS, "haystacks": (text,)}
    return NeedleInHaystack(**chosen | settings)


def with_words(module):
    return load_model(module, tokenizer=word_tokenizer(WORDS.split()), name="Words")


@pytest.fixture
def small(monkeypatch):
    """Lets run() use a haystack of few words and positions."""
    monkeypatch.setattr(type(DETECTOR), "recipe", haystack())


def by_hand(largest):
    """Score and null of one head with these largest keys; the needle at 1 to 3 says 5 6 5, the answer at 6 to 8 too."""
    batch = TokenBatch(
        torch.tensor([[9, 5, 6, 5, 8, 7, 5, 6, 5]] * 2),
        marks={"needle": torch.tensor([[1, 2, 3]] * 2), "answer": torch.tensor([[6, 7, 8]] * 2)},
    )
    return batch, torch.tensor(largest)[None, None, None, :, None].repeat(2, 1, 1, 1, 1)


@pytest.mark.parametrize(
    ("largest", "expected"),
    [([1, 2, 3], 1.0), ([3, 2, 0], 1.0), ([1, 0, 3], 0.5), ([2, 1, 2], 0.0), ([6, 7, 8], 0.0)],
    ids=["copies", "either-place-of-a-token", "half-of-the-tokens", "wrong-tokens", "outside-the-needle"],
)
def test_share_of_different_tokens_by_hand(tiny_llama, largest, expected):
    batch, keys = by_hand(largest)
    residual = torch.zeros(2, 3, tiny_llama.shape.d_model)
    hits = find_hits({"largest": keys, "residual": residual}, batch, tiny_llama, DETECTOR.generator(0))
    assert hits.is_hit.shape == (2, 1, 1, 3)
    samples = DETECTOR.samples({"largest": keys.expand(-1, 2, -1, -1, -1), "residual": residual}, batch, tiny_llama)
    assert samples.scores.unique().tolist() == [expected]


def test_exactly_the_planted_copier_is_called(planted, small):
    found = run(with_words(planted.module), "retrieval", n_samples=8, progress=False)["retrieval"]
    assert found.run.called() == [INDUCTION_HEAD]
    assert found[INDUCTION_HEAD].score == pytest.approx(5 / 6, abs=0.01)  # nothing stands before the first token
    assert found[INDUCTION_HEAD].null_score < 0.1
    assert found.run.notes["accuracy"] == 1.0
    assert found.run.notes["share_above_threshold"] == 1 / 8


def test_random_model_has_no_such_head(tiny_llama, small):
    found = run(with_words(tiny_llama.module), "retrieval", n_samples=8, progress=False)["retrieval"]
    assert found.called() == []


def test_own_answers_that_miss_the_needle_are_refused(tiny_llama):
    model = with_words(tiny_llama.module)
    with pytest.raises(BadInputError, match="solve 0 of 2"):
        measure(model, [DETECTOR], haystack(n_samples=2, decode=True).batch(model))


def step_by_step(model, batch):
    """The score by decoding: one eager step a token, the largest entry of every last row of the maps."""
    scores = []
    with attention_implementation(model.module, "eager"), torch.inference_mode():
        for row, ids in enumerate(batch.tokens):
            answer, needle = (batch.marks[name][row] for name in ("answer", "needle"))
            answer, needle = answer[answer >= 0], needle[needle >= 0]
            past, unread, found = None, ids[None, : answer[0]], {}
            for at in answer:
                step = model.module(unread, past_key_values=past, use_cache=True, output_attentions=True)
                past, unread = step.past_key_values, ids[None, at : at + 1]
                largest = torch.stack([layer[0, :, -1].argmax(-1) for layer in step.attentions])
                copied = (ids[largest] == ids[at]) & torch.isin(largest, needle)
                found[int(ids[at])] = found.get(int(ids[at]), False) | copied
            tokens = ids[needle].unique().tolist()
            nothing = torch.zeros_like(largest, dtype=torch.bool)
            scores.append(torch.stack([found.get(token, nothing) for token in tokens]).double().mean(0))
    return torch.stack(scores)


def test_forced_scores_equal_step_by_step_decoding(tiny_llama):
    model = with_words(tiny_llama.module)
    batch = haystack(n_samples=4).batch(model)
    assert torch.equal(measure(model, [DETECTOR], batch)["retrieval"].scores, step_by_step(model, batch))


@pytest.mark.slow  # decodes step by step
def test_scores_of_own_answers_equal_step_by_step_decoding_of_the_demo_model(demo):
    batch = NeedleInHaystack(n_samples=3, lengths=(160, 220), decode=True).batch(demo)
    batch = replace(batch, marks={**batch.marks, "recall": torch.ones(3)})  # every answer counts, right or wrong
    assert torch.equal(measure(demo, [DETECTOR], batch)["retrieval"].scores, step_by_step(demo, batch))


def test_strongest_heads_of_the_demo_model_are_its_induction_heads(demo):
    batch = NeedleInHaystack(n_samples=4, lengths=(200,)).batch(demo)
    mean = measure(demo, [DETECTOR], batch)["retrieval"].scores.mean(0)
    best = {(int(head) // 9, int(head) % 9) for head in mean.flatten().topk(5).indices}
    assert len(best & {(18, 6), (17, 3), (18, 7), (23, 2), (17, 4)}) >= 4
