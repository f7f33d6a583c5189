"""Ablation on a model whose circuit is known: its two heads matter, random heads do not."""

import pytest
import torch

from catalog.effects import EffectRun
from catalog.ids import HeadName
from probes import effects
from probes.ablation import ablate
from probes.effects.base import Effect, losses
from probes.errors import BadInputError, UnknownEffectError
from probes.recipes.repeated_tokens import RepeatedTokens
from probes.tiny.planted import INDUCTION_HEAD, PREVIOUS_TOKEN_HEAD


class ShortRepetition(type(effects.load("repetition_accuracy"))):
    """The same on a shorter input, which the planted model can read."""

    recipe = RepeatedTokens(half_length=30)


def ablation(planted, heads, effect=None, **settings):
    return ablate(
        planted,
        heads,
        effect or ShortRepetition(),
        head_type="induction",
        chosen_by="induction",
        n_samples=4,
        n_draws=4,
        progress=False,
        **settings,
    )


@pytest.mark.parametrize("head", [INDUCTION_HEAD, PREVIOUS_TOKEN_HEAD], ids=str)
def test_either_head_of_the_circuit_is_needed_to_repeat(planted, head):
    run = ablation(planted, [head])
    assert min(run.baseline) > 0.95
    assert max(run.ablated) < 0.1
    assert run.interval.high < 0


def test_a_head_that_does_nothing_changes_nothing(planted):
    run = ablation(planted, [HeadName(0, 3)])
    assert run.ablated == run.baseline


def test_the_same_seed_gives_the_same_numbers_and_a_record_that_reads_back(planted):
    first, again = (ablation(planted, [INDUCTION_HEAD], seed=3) for _ in range(2))
    same = {"exclude": {"provenance"}}
    assert first.model_dump(**same) == again.model_dump(**same)
    assert EffectRun.model_validate_json(first.model_dump_json()) == first


def test_random_heads_are_never_the_named_ones(planted):
    others = [HeadName(layer, head) for layer in range(2) for head in range(4)]
    others.remove(INDUCTION_HEAD)
    others.remove(PREVIOUS_TOKEN_HEAD)
    run = ablation(planted, [INDUCTION_HEAD, PREVIOUS_TOKEN_HEAD])
    assert all(draw == run.baseline for draw in run.random)


@pytest.mark.parametrize("n_heads", [0, 5], ids=["none", "more than half"])
def test_heads_that_leave_nothing_to_compare_with_are_refused(planted, n_heads):
    heads = [HeadName(layer, head) for layer in range(2) for head in range(4)][:n_heads]
    with pytest.raises(BadInputError, match="others"):
        ablation(planted, heads)


def test_induction_attention_needs_the_previous_token_head(planted):
    effect = type("Short", (type(effects.load("induction_attention")),), {"recipe": RepeatedTokens(half_length=30)})()
    run = ablation(planted, [PREVIOUS_TOKEN_HEAD], effect)
    assert run.interval.high < 0


def test_losses_are_those_of_the_next_token():
    logits = torch.full((1, 3, 5), -100.0)
    logits[0, 0, 4], logits[0, 1, 2] = 100.0, 100.0
    tokens = torch.tensor([[0, 4, 3]])
    assert losses(logits, tokens)[0, 0] == pytest.approx(0.0)
    assert losses(logits, tokens)[0, 1] == pytest.approx(200.0)


@pytest.mark.parametrize("name", effects.names())
def test_every_effect_says_what_it_measures(name):
    effect = effects.load(name)
    assert isinstance(effect, Effect)
    assert effect.name == name
    assert effect.metric
    assert effect.unit


def test_unknown_effect_is_refused_with_near_names():
    with pytest.raises(UnknownEffectError, match="repetition_accuracy"):
        effects.load("repetition_acuracy")
