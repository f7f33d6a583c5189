"""The committed runs and effects: each was made by the code as it stands."""

from functools import cache

import pytest

from catalog.effects import read_effects
from catalog.files import data_folder
from catalog.relation_checks import read_relation_checks
from catalog.relation_runs import read_relation_runs
from catalog.relations import read_relations
from catalog.runs import read_runs
from probes import provenance
from probes.claimed_effects import claimed_effects
from probes.detectors import names
from probes.provenance import code_sha256
from probes.relations.measure import pairs_sha256

DEMO, GEMMA = "smollm2-135m-instruct-q4-1", "gemma-3-270m-q4-k-m"
RUNS = read_runs(data_folder() / "runs")
EFFECTS = read_effects(data_folder() / "effects")
RELATIONS = read_relations()
RELATION_RUNS = read_relation_runs(data_folder() / "relation_runs")
RELATION_CHECKS = read_relation_checks(data_folder() / "relation_checks")


@pytest.fixture(scope="module", autouse=True)
def sources_parsed_once():
    """Most runs were made by the same files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provenance, "_imported", cache(provenance._imported))
        yield


@pytest.mark.parametrize("slug", [DEMO, GEMMA])
def test_both_real_models_have_a_run_of_every_detector(slug):
    assert [run.probe for run in RUNS if run.model.slug == slug] == names()


def test_every_effect_that_a_claim_names_was_measured_on_the_demo_model(catalogue):
    measured = {(effect.head_type, effect.effect) for effect in EFFECTS if effect.model.slug == DEMO}
    assert measured == set(claimed_effects(catalogue))


@pytest.mark.parametrize("run", RUNS, ids=lambda run: f"{run.model.slug}/{run.probe}")
def test_run_was_made_by_this_code(run):
    assert run.provenance.code_sha256 == code_sha256(f"detectors.{run.probe}"), "measure again, see CONTRIBUTING.md"


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: f"{effect.effect}/{effect.head_type}")
def test_effect_was_made_by_this_code(effect):
    assert effect.provenance.code_sha256 == code_sha256("ablation", f"effects.{effect.effect}"), "ablate again"


def test_demo_model_has_a_run_of_every_relation():
    measured = {run.relation for run in RELATION_RUNS if run.model.slug == DEMO}
    assert measured == set(RELATIONS)


@pytest.mark.parametrize("run", RELATION_RUNS, ids=lambda run: f"{run.model.slug}/{run.relation}")
def test_relation_run_was_made_of_these_pairs_by_this_code(run):
    assert run.pairs_sha256 == pairs_sha256(RELATIONS[run.relation]), "the list has changed"
    assert run.provenance.code_sha256 == code_sha256("relations.measure"), "run: headatlas probe relations"


@pytest.mark.parametrize("check", RELATION_CHECKS, ids=lambda check: f"{check.model.slug}/{check.relation}")
def test_relation_check_was_made_of_these_pairs_by_this_code(check):
    assert check.pairs_sha256 == pairs_sha256(RELATIONS[check.relation]), "the list has changed"
    assert check.provenance.code_sha256 == code_sha256("relations.behaviour"), "run: headatlas probe check-relations"
