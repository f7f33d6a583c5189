"""What is measured of heads, on readings whose answers are known."""

import math

import pytest
import torch

from catalog.rankings import area_under_curve
from probes.experiments._counting.accuracy import area, best_accuracy, label_accuracy, sentence_accuracy
from probes.experiments._counting.ensembles import aggregation_facts, full_facts, subset_facts, vote_accuracy
from probes.experiments._counting.heads import head_facts
from probes.experiments._counting.interventions import intervention_facts, swap_facts
from probes.experiments._counting.readings import Readings, read
from probes.tiny.tasks.counting import BOS, EOS, NO, ONE, SEP, TWO, VOCABULARY, YES, ZERO, Counting
from probes.tiny.transformer import TinyConfig, new_model

TASK = Counting(shortest=3, longest=7, n_evaluated=60)
COUNTER, ONES_ONLY, EVERYWHERE, ENDER = range(4)
"""Planted heads: counts rightly; sees 1s only; weighs 2s as much as all else; says only that the sentence ends."""


@pytest.fixture(scope="module")
def readings() -> Readings:
    """Of a model with four hand-set heads; each has four dimensions, the first of which scores and reads."""
    model = new_model(TinyConfig(hidden_size=16, num_attention_heads=4), 0)
    attention, embedding = model.attention(0), model.model.embed_tokens.weight
    scores = torch.zeros(len(VOCABULARY), 4)
    scores[:, COUNTER] = scores[:, ONES_ONLY] = scores[:, ENDER] = -20.0
    scores[[ZERO, ONE], COUNTER] = 0.0
    scores[ONE, ONES_ONLY], scores[BOS, ONES_ONLY] = 0.0, 1.0
    scores[[YES, NO], ENDER] = 0.0
    values = torch.zeros(len(VOCABULARY), 4)
    values[ONE, :3], values[ZERO, :3] = 2.0, -2.0
    values[[YES, NO], ENDER] = 30.0
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        embedding[:, :8] = torch.eye(8)
        for head in range(4):
            first = 4 * head
            attention.q_proj.weight[first, :8] = 2.0  # a constant: every token sees the same scores
            attention.k_proj.weight[first, :8] = scores[:, head]
            attention.v_proj.weight[first, :8] = values[:, head]
            attention.o_proj.weight[8 + (head == ENDER), first] = 1.0
        model.lm_head.weight[YES, 8], model.lm_head.weight[NO, 8] = 0.5, -0.5
        model.lm_head.weight[EOS, 9] = 1.0
    return read(model, TASK.evaluation())


def test_area_and_best_accuracy_agree_with_plain_counting():
    generator = torch.Generator().manual_seed(0)
    margins = torch.randint(-3, 4, (60,), generator=generator).float()
    is_yes = torch.rand(60, generator=generator) < 0.4
    named, others = margins[is_yes].tolist(), margins[~is_yes].tolist()
    assert area(margins, is_yes) == pytest.approx(area_under_curve(named, others))
    thresholds = [-10.0, *sorted(set(margins.tolist()))]
    assert best_accuracy(margins, is_yes) == pytest.approx(
        max(label_accuracy(margins - threshold, is_yes) for threshold in thresholds)
    )


def test_sentence_needs_both_the_answer_and_its_end():
    logits = torch.zeros(3, 2, 8)
    logits[0, 0, YES] = logits[0, 1, EOS] = logits[1, 0, YES] = logits[2, 1, EOS] = 1.0
    assert sentence_accuracy(logits, torch.tensor([[YES, EOS]] * 3)) == pytest.approx(1 / 3)


def test_planted_counter_counts_alone_and_the_ender_does_not(readings):
    counter, ones_only, everywhere, ender = head_facts(readings)
    assert counter["auc"] == pytest.approx(1.0, abs=1e-3)  # strings of 2s alone are drawn
    assert counter["label_accuracy"] > 0.99
    assert (counter["log_w_01"], counter["value_balance"]) == (pytest.approx(0, abs=1e-4), pytest.approx(0, abs=1e-4))
    assert counter["log_w_02"] == pytest.approx(-20, abs=1e-3)
    assert ones_only["log_w_01"] == pytest.approx(20, abs=1e-3)
    assert ones_only["auc"] < counter["auc"] - 0.02
    assert everywhere["log_w_02"] == pytest.approx(0, abs=1e-4)
    assert ender["value_balance"] is None
    assert ender["auc"] == pytest.approx(0.5)
    assert ender["end_margin"] > 10 > 0 > counter["end_margin"]
    assert counter["sentence_accuracy"] == 0
    assert ender["left_out_zero_sentence_accuracy"] == 0
    assert ender["left_out_zero_label_accuracy"] == full_facts(readings)["label_accuracy"]


def test_ideal_attention_makes_every_reader_count_and_ideal_values_do_not(readings):
    facts = intervention_facts(readings, head_facts(readings))
    heads = head_facts(readings)
    for head in range(4):
        assert facts[head]["own_auc"] == pytest.approx(heads[head]["auc"], abs=0.01)  # rounding breaks ties
    for head in (COUNTER, ONES_ONLY, EVERYWHERE):
        assert facts[head]["ideal_attention_auc"] == pytest.approx(1.0, abs=1e-3)
    assert facts[ONES_ONLY]["balanced_auc"] > facts[ONES_ONLY]["own_auc"]
    assert facts[EVERYWHERE]["without_twos_auc"] >= facts[EVERYWHERE]["own_auc"]
    assert facts[ONES_ONLY]["ideal_values_auc"] == pytest.approx(facts[ONES_ONLY]["own_auc"], abs=0.02)
    assert facts[ENDER]["ideal_attention_auc"] == pytest.approx(0.5)


def test_swap_grid_has_the_heads_on_its_diagonal_and_shares_that_explain_it(readings):
    swap = swap_facts(readings)
    for head, facts in enumerate(head_facts(readings)):
        assert swap["grid"][head][head] == pytest.approx(
            max(facts["auc"], 1 - facts["auc"]), abs=0.01
        )  # rounding breaks ties
    assert swap["grid"][ONES_ONLY][COUNTER] == pytest.approx(swap["grid"][ONES_ONLY][EVERYWHERE], abs=0.01)
    assert 0 <= swap["attention_share"] + swap["value_share"] <= 1 + 1e-9


def test_subsets_grow_to_the_whole_model(readings):
    subsets = subset_facts(readings)
    assert [size["size"] for size in subsets] == [1, 2, 3, 4]
    whole = full_facts(readings)
    assert {name: subsets[-1][name] for name in whole} == pytest.approx(whole)
    alone = [head["sentence_accuracy_with_direct"] for head in head_facts(readings)]
    assert subsets[0]["sentence_accuracy"] == pytest.approx(sum(alone) / 4)


def test_vote_is_that_of_the_signs(readings):
    votes = readings.margins.sign().sum(1) > 0
    assert vote_accuracy(readings) == pytest.approx(float((votes == readings.is_yes).float().mean()))


def test_one_weight_a_head_is_never_much_worse_than_one_for_all(readings):
    facts = aggregation_facts(readings)
    assert facts["weight_per_head"]["sentence_accuracy"] >= facts["shared_weight"]["sentence_accuracy"] - 0.02
    assert facts["weight_per_head"]["sentence_accuracy"] > 0.95
    assert 0 <= facts["reweighted"]["sentence_accuracy"] <= facts["reweighted"]["end_accuracy"] <= 1


def test_facts_hold_only_what_json_can_hold(readings):
    heads = head_facts(readings)
    numbers = [value for head in heads for value in head.values() if isinstance(value, float)]
    assert all(math.isfinite(number) for number in numbers)
    assert heads[0]["values"].keys() == {"BOS", "0", "1", "2", "SEP"}
    assert (SEP, TWO) == (4, 2)
