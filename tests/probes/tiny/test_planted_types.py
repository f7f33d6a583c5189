"""One statement over eleven head types: exactly the planted heads are called, and no head of a model of random weights.

Called means above the detector's threshold and better than its null at a false-discovery rate of 5 % over all heads.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from catalog.ids import HeadName
from probes import detectors, load_model, run
from probes.circuits.succession import DAYS, MONTHS, ORDINALS
from probes.recipes.needle import Needle, NeedleInHaystack
from probes.tiny.planted import D_VOCAB, INDUCTION_HEAD, PREVIOUS_TOKEN_HEAD, planted_llama
from probes.tiny.planted_circuits import COPIER, SUCCESSOR_HEAD, SUPPRESSOR, planted_circuits
from probes.tiny.planted_names import (
    NAME_MOVER_HEAD,
    NEGATIVE_NAME_MOVER_HEAD,
    S_INHIBITION_HEAD,
    names_tokenizer,
    planted_names,
)
from probes.tiny.planted_tables import N_CTX, TABLE_HEAD, planted_by_position, word_tokenizer

HALF = 40
SETTINGS = {"half_length": HALF, "n_samples": 6, "progress": False}
NOISE = 0.1
"""Standard deviation of what is added to random weights, so that attention is uneven."""

ANSWER = "red blue green white black brown"
FILLER = "one two three four five six seven eight"
SERIES = [day.capitalize() for day in DAYS], [f" {month}" for month in MONTHS], list(ORDINALS)


@dataclass(frozen=True)
class Planted:
    """A planted model, and the heads that each detector must call in it."""

    make: Callable
    expected: dict[str, list[HeadName]]
    tokenizer: Callable = lambda: None


def series_tokenizer():
    words = [word for words in SERIES for word in words]
    vocabulary = {word: number for number, word in enumerate(["[UNK]", *words])}
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel(vocabulary, "[UNK]")), unk_token="[UNK]")


def three_circuits(tokenizer):
    successors = torch.full((D_VOCAB,), -1)
    for words, wraps in zip(SERIES, (True, True, False), strict=True):
        ids = tokenizer.convert_tokens_to_ids(words)
        successors[ids] = torch.tensor([*ids[1:], ids[0] if wraps else -1])
    return planted_circuits(successors)


def needle_tokenizer():
    return word_tokenizer(f"The coat is . How it ? {ANSWER} {FILLER} Question Answer Based on the text above".split())


SAME_TOKEN = {query: query - HALF for query in range(HALF, 2 * HALF)}
FIRST_TOKEN = dict.fromkeys(range(1, N_CTX), 0)
NONE = {"previous_token": [], "duplicate_token": [], "induction": [], "first_token": []}

MODELS = {
    "previous token, induction": Planted(
        lambda _: planted_llama(), NONE | {"previous_token": [PREVIOUS_TOKEN_HEAD], "induction": [INDUCTION_HEAD]}
    ),
    "duplicate token": Planted(lambda _: planted_by_position(SAME_TOKEN), NONE | {"duplicate_token": [TABLE_HEAD]}),
    "sink": Planted(lambda _: planted_by_position(FIRST_TOKEN), NONE | {"first_token": [TABLE_HEAD]}),
    "retrieval": Planted(lambda _: planted_llama(), {"retrieval": [INDUCTION_HEAD]}, needle_tokenizer),
    "copying, suppression, successor": Planted(
        three_circuits,
        {"copying": [COPIER], "copy_suppression": [SUPPRESSOR], "successor": [SUCCESSOR_HEAD]},
        series_tokenizer,
    ),
    "name mover, negative, S-inhibition": Planted(
        planted_names,
        {
            "name_mover": [NAME_MOVER_HEAD],
            "negative_name_mover": [NEGATIVE_NAME_MOVER_HEAD],
            "s_inhibition": [S_INHIBITION_HEAD],
        },
        names_tokenizer,
    ),
}


def with_random_weights(planted):
    """The same architecture and sizes with other weights."""
    torch.manual_seed(0)
    model = type(planted)(planted.config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * NOISE)
    return model


def called(model, wanted):
    return {name: scores.run.called() for name, scores in run(model, wanted, **SETTINGS).items()}


@pytest.fixture(autouse=True)
def small_haystack(monkeypatch):
    """Lets the retrieval detector read few words and positions."""
    needle = Needle(f"The coat is {ANSWER}.", "How is it?", ANSWER)
    recipe = NeedleInHaystack(lengths=(60,), needles=(needle,), haystacks=((FILLER + ". ") * 20,))
    monkeypatch.setattr(type(detectors.load("retrieval")), "recipe", recipe)


@pytest.fixture(params=MODELS)
def planted(request):
    return MODELS[request.param]


def test_exactly_the_planted_heads_are_called(planted):
    tokenizer = planted.tokenizer()
    model = load_model(planted.make(tokenizer), tokenizer=tokenizer, name="Planted")
    assert called(model, list(planted.expected)) == planted.expected


def test_random_weights_call_none(planted):
    tokenizer = planted.tokenizer()
    model = load_model(with_random_weights(planted.make(tokenizer)), tokenizer=tokenizer, name="Random")
    assert called(model, list(planted.expected)) == {name: [] for name in planted.expected}


def test_eleven_types_are_planted():
    types = {detectors.load(name).head_type for one in MODELS.values() for name, heads in one.expected.items() if heads}
    assert len(types) == 11
