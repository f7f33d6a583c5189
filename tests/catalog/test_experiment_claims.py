"""Verdicts on claims that experiments bear on, from planted numbers."""

import pytest
from pydantic import ValidationError

from catalog.claims import Verdict, ledger
from catalog.experiment_claims import claimed_range, experiment_outcome
from catalog.models import ExperimentClaim
from catalog.registry import Registry

CLAIM = {
    "id": "loud",
    "form": "experiment",
    "statement": "Ponds are loud.",
    "experiment": "pond",
    "metric": "loudness",
    "at_least": 0.9,
    "reading": "As a number.",
}


@pytest.fixture
def verdict_on(make_experiment):
    def verdict(values, **claim):
        run = make_experiment(loudness=values)
        return experiment_outcome(ExperimentClaim.model_validate(CLAIM | claim), run).verdict

    return verdict


@pytest.mark.parametrize(
    ("values", "claim", "verdict"),
    [
        ([0.95, 0.97], {}, Verdict.REPRODUCED),
        ([0.5, 0.52], {}, Verdict.NOT_REPRODUCED),
        ([0.8, 0.99], {}, Verdict.PARTLY),
        ([0.5, 0.52], {"partly_at_least": 0.5}, Verdict.PARTLY),
        ([0.3, 0.32], {"partly_at_least": 0.5}, Verdict.NOT_REPRODUCED),
        ([0.95, 0.97], {"at_most": 0.96}, Verdict.PARTLY),
        ([0.1, 0.12], {"at_least": None, "at_most": 0.5}, Verdict.REPRODUCED),
    ],
    ids=["inside", "outside", "astride", "in-part", "below-part", "above", "at-most"],
)
def test_verdict_follows_the_interval_of_the_mean(values, claim, verdict, verdict_on):
    assert verdict_on(values, **claim) is verdict


def test_ledger_has_a_line_for_every_run_with_the_settings_of_the_claim(make_experiment, make_paper, world):
    runs = [make_experiment(settings={"depth": depth, "is_deep": depth > 2}) for depth in (1, 2, 3)]
    paper = make_paper(claims=[CLAIM, CLAIM | {"id": "deep", "settings": {"is_deep": True}}])
    lines = ledger(Registry({paper.id: paper}, world.head_types, experiments=runs))
    assert [(line.claim.id, line.experiment.settings["depth"]) for line in lines] == [
        ("loud", 1),
        ("loud", 2),
        ("loud", 3),
        ("deep", 3),
    ]
    assert lines[0].measured_by == "pond"
    assert lines[0].model is None
    assert lines[0].reason.endswith("over 2 seeds with depth 1, is deep: no; the claim asks for at least 0.9")
    assert "with depth 3, is deep: yes;" in lines[3].reason


def test_reason_gives_the_interval_where_seeds_differ_and_true_minus_signs(make_experiment):
    claim = ExperimentClaim.model_validate(CLAIM)
    reasons = [experiment_outcome(claim, make_experiment(loudness=values)).reason for values in ([-1, 1], [-1, -1])]
    assert "pond: 0 (−1.96 to 1.96) over 2 seeds;" in reasons[0]
    assert "pond: −1 over 2 seeds;" in reasons[1]


def test_claim_without_a_run_or_without_the_metric_is_untested(make_experiment, make_paper, world):
    paper = make_paper(claims=[CLAIM])
    (line,) = ledger(Registry({paper.id: paper}, world.head_types))
    assert (line.verdict, line.experiment) == (Verdict.UNTESTED, None)
    outcome = experiment_outcome(ExperimentClaim.model_validate(CLAIM | {"metric": "depth"}), make_experiment())
    assert outcome.verdict is Verdict.UNTESTED


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"at_least": None}, "any number would do"),
        ({"at_most": 0.5}, "swap them"),
        ({"partly_at_least": 0.95}, "must lie below at_least"),
    ],
    ids=["nothing", "swapped", "part"],
)
def test_claim_whose_range_says_nothing_is_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        ExperimentClaim.model_validate(CLAIM | change)


def test_range_is_said_in_words():
    assert claimed_range(ExperimentClaim.model_validate(CLAIM | {"at_most": 1.5})) == "at least 0.9 and at most 1.5"
