"""Verdicts: what planted runs must say about claims of every form."""

import json
import random
import shutil
from pathlib import Path

import pytest

from catalog.claims import Verdict, ledger, overall
from catalog.effects import effect_path, read_effects, write_effect
from catalog.errors import InvalidDataError
from catalog.files import data_folder
from catalog.ids import HeadName
from catalog.registry import Registry
from catalog.runs import write_run

HEADS = {
    "id": "named",
    "form": "heads",
    "statement": "Three heads echo.",
    "head_type": "echo",
    "model": "invented/pond-1",
    "heads": ["L1H2", "L3H0", "L5H5"],
    "evidence": "primary",
}
SHARE = {"id": "few", "form": "share", "statement": "Echo heads are few.", "head_type": "echo", "at_most": 0.1}
EFFECT = {
    "id": "needed",
    "form": "effect",
    "statement": "Without echo heads the pond is silent.",
    "head_type": "echo",
    "metric": "loudness",
    "direction": "falls",
    "effect": "loudness",
}


def scores_with(heads, level, n_layers=8, n_heads=8, seed=0):
    """Random scores from 0.3 to 0.7, but for the chosen heads, which get the level."""
    draw = random.Random(seed)
    scores = [[draw.uniform(0.3, 0.7) for _ in range(n_heads)] for _ in range(n_layers)]
    for head in heads:
        layer, number = HeadName.parse(head)
        scores[layer][number] = level if level is not None else scores[layer][number]
    return scores


@pytest.fixture
def check_heads(make_paper, make_run, world):
    """Function that gives the one verdict on a claim about heads for a run with these scores."""

    def check(claim, scores, **changes):
        paper = make_paper(claims=[claim])
        flat = [[0.001] * len(row) for row in scores]
        run = make_run(
            n_layers=len(scores),
            n_heads=len(scores[0]),
            scores=scores,
            standard_errors=changes.pop("standard_errors", flat),
            q_values=flat,
            **changes,
        )
        (line,) = ledger(Registry({paper.id: paper}, world.head_types, [run]))
        return line

    return check


@pytest.mark.parametrize(
    ("level", "verdict"),
    [(0.9, Verdict.REPRODUCED), (0.1, Verdict.NOT_REPRODUCED), (None, Verdict.NOT_REPRODUCED)],
    ids=["first", "last", "random"],
)
def test_named_heads_first_last_or_at_random(check_heads, level, verdict):
    line = check_heads(HEADS, scores_with(HEADS["heads"], level))
    assert line.verdict == verdict
    assert line.model.slug == "pond-1"
    assert line.measured_by == "echo"


def test_random_scores_are_seldom_taken_for_a_reproduction(check_heads):
    verdicts = [check_heads(HEADS, scores_with(HEADS["heads"], None, seed=seed)).verdict for seed in range(200)]
    assert verdicts.count(Verdict.NOT_REPRODUCED) >= 180


def test_one_of_three_heads_in_front_is_partly(check_heads):
    scores = scores_with(HEADS["heads"], 0.9)
    scores[1][2] = 0.6
    scores[3][0] = 0.65
    assert check_heads(HEADS, scores).verdict == Verdict.PARTLY


def test_order_against_the_published_scores_is_only_partly(check_heads):
    heads = [f"L{layer}H0" for layer in range(6)]
    claim = HEADS | {"heads": heads, "scores": [6.0, 5.0, 4.0, 3.0, 2.0, 1.0], "measure": "echo score"}
    scores = scores_with([], None)
    for layer in range(6):
        scores[layer][0] = 0.8 + layer / 100
    line = check_heads(claim, scores)
    assert line.numbers["rank_correlation"] == pytest.approx(-1.0)
    assert line.verdict == Verdict.PARTLY


def test_key_value_head_counts_as_its_strongest_query_head(check_heads, make_run):
    claim = HEADS | {"heads": ["L2H1"], "unit": "key-value head"}
    model = make_run(n_layers=8, n_heads=8).model.model_copy(update={"n_key_value_heads": 2})
    line = check_heads(claim, scores_with(["L2H6"], 0.9), model=model)
    assert line.numbers["n_heads"] == 16
    assert line.numbers["auroc"] == 1.0


def test_a_perfect_ranking_of_too_few_heads_is_no_verdict(check_heads):
    scores = scores_with(["L0H1"], 0.9, n_layers=2, n_heads=4)
    assert check_heads(HEADS | {"heads": ["L0H1"]}, scores).verdict == Verdict.UNTESTED


@pytest.mark.parametrize("name", ["gpt2", "openai-community/gpt2", "OpenAI-Community/GPT2"])
def test_renamed_model_meets_its_claims(check_heads, make_run, name):
    model = make_run(n_layers=8, n_heads=8).model.model_copy(update={"hub_id": name, "slug": "mine"})
    claim = HEADS | {"model": "openai-community/gpt2"}
    assert check_heads(claim, scores_with(HEADS["heads"], 0.9), model=model).verdict == Verdict.REPRODUCED


def test_share_of_key_value_heads_counts_those_that_any_called_head_reads(check_heads, make_run):
    model = make_run(n_layers=8, n_heads=8).model.model_copy(update={"n_key_value_heads": 2})
    claim = SHARE | {"at_most": 0.2, "unit": "key-value head"}
    line = check_heads(claim, scores_with(["L0H0", "L0H1", "L1H7"], 0.9), model=model, threshold=0.8)
    assert line.numbers["share"] == 2 / 16


def test_head_that_the_model_lacks_leaves_the_claim_untested(check_heads):
    line = check_heads(HEADS | {"heads": ["L40H0"]}, scores_with([], None))
    assert line.verdict == Verdict.UNTESTED
    assert "L40H0" in line.reason


def test_ledger_names_the_heads_behind_a_verdict_strongest_first(check_heads, make_paper, make_effect, world):
    scores = scores_with(["L5H5", "L1H2"], 0.9)
    scores[3][0] = 0.8
    assert list(map(str, check_heads(HEADS, scores).heads)) == ["L1H2", "L5H5", "L3H0"]
    assert list(map(str, check_heads(SHARE, scores, threshold=0.85).heads)) == ["L1H2", "L5H5"]
    paper = make_paper(claims=[EFFECT])
    effect = make_effect(2.0, heads=["L3H0", "L1H2"])
    (line,) = ledger(Registry({paper.id: paper}, world.head_types, effects=[effect]))
    assert list(map(str, line.heads)) == ["L3H0", "L1H2"]


def test_heads_of_a_key_value_head_are_those_that_read_it(check_heads, make_run):
    model = make_run(n_layers=8, n_heads=8).model.model_copy(update={"n_key_value_heads": 2})
    line = check_heads(HEADS | {"heads": ["L2H1"], "unit": "key-value head"}, scores_with(["L2H6"], 0.9), model=model)
    assert {str(name) for name in line.heads} == {"L2H4", "L2H5", "L2H6", "L2H7"}
    assert str(line.heads[0]) == "L2H6"


def test_claim_on_another_model_is_untested(check_heads):
    line = check_heads(HEADS | {"model": "invented/sea"}, scores_with([], None))
    assert (line.verdict, line.model) == (Verdict.UNTESTED, None)
    assert "invented/sea" in line.reason


@pytest.mark.parametrize(
    ("n_strong", "error", "verdict"),
    [(4, 0.001, Verdict.REPRODUCED), (20, 0.001, Verdict.NOT_REPRODUCED), (6, 0.2, Verdict.PARTLY)],
    ids=["inside", "outside", "across"],
)
def test_share_is_judged_by_its_interval(check_heads, n_strong, error, verdict):
    scores = [[0.75 if layer * 8 + head < n_strong else 0.3 for head in range(8)] for layer in range(8)]
    errors = [[error] * 8 for _ in range(8)]
    line = check_heads(SHARE, scores, threshold=0.5, standard_errors=errors)
    assert line.verdict == verdict
    assert line.numbers["low"] <= line.numbers["share"] <= line.numbers["high"]


@pytest.mark.parametrize(
    ("level", "claim", "verdict"),
    [
        (2.0, EFFECT, Verdict.REPRODUCED),
        (7.0, EFFECT, Verdict.NOT_REPRODUCED),
        (4.9, EFFECT, Verdict.PARTLY),
        (7.0, EFFECT | {"direction": "rises"}, Verdict.REPRODUCED),
        (4.0, EFFECT | {"at_least": 2.0, "unit": "nats"}, Verdict.NOT_REPRODUCED),
        (2.0, EFFECT | {"at_least": 2.0, "unit": "bits"}, Verdict.UNTESTED),
        (2.0, {name: value for name, value in EFFECT.items() if name != "effect"}, Verdict.UNTESTED),
    ],
    ids=["falls", "rises instead", "no change", "rises", "too little", "another unit", "no effect"],
)
def test_effect_is_judged_by_its_interval(make_paper, make_effect, world, level, claim, verdict):
    paper = make_paper(claims=[claim])
    (line,) = ledger(Registry({paper.id: paper}, world.head_types, effects=[make_effect(level)]))
    assert line.verdict == verdict


def test_effect_run_round_trips_and_must_lie_in_its_place(tmp_path, make_effect):
    run = make_effect(2.0)
    path = write_effect(tmp_path, run)
    assert path == effect_path(tmp_path, run)
    assert read_effects(tmp_path) == [run]
    path.rename(path.with_name("elsewhere.json"))
    with pytest.raises(InvalidDataError, match="wrong place"):
        read_effects(tmp_path)


def test_untestable_claim_says_why(world):
    line = next(line for line in ledger(world) if line.claim.form == "untestable")
    assert (line.verdict, line.reason) == (Verdict.UNTESTABLE, line.claim.reason)


def test_overall_verdict_is_what_tested_lines_agree_on(check_heads):
    first = check_heads(HEADS, scores_with(HEADS["heads"], 0.9))
    last = check_heads(HEADS, scores_with(HEADS["heads"], 0.1))
    untested = check_heads(HEADS | {"model": "invented/sea"}, scores_with([], None))
    assert overall([first, untested]) == Verdict.REPRODUCED
    assert overall([first, last]) == Verdict.PARTLY
    assert overall([untested]) == Verdict.UNTESTED


def test_every_claim_of_the_catalogue_has_a_line(catalogue):
    lines = {(line.paper.id, line.claim.id) for line in ledger(catalogue)}
    assert lines == {(paper.id, claim.id) for paper in catalogue.papers.values() for claim in paper.claims}


@pytest.fixture
def copied_data(tmp_path):
    """Folder with a copy of the real papers and head types, and no runs."""
    for name in ("papers.yaml", "head_types.yaml"):
        shutil.copy(data_folder() / name, tmp_path)
    return tmp_path


def verdicts_on(folder, paper_id, claim_id):
    registry = Registry.load(folder)
    return [line.verdict for line in ledger(registry) if (line.paper.id, line.claim.id) == (paper_id, claim_id)]


@pytest.mark.parametrize(
    ("level", "verdict"),
    [(0.9, Verdict.REPRODUCED), (0.1, Verdict.NOT_REPRODUCED), (None, Verdict.NOT_REPRODUCED)],
    ids=["first", "last", "random"],
)
def test_real_claim_under_a_planted_run_and_after_its_deletion(copied_data, make_run, level, verdict):
    paper = Registry.load(copied_data).paper("2211.00593")
    claim = next(claim for claim in paper.claims if claim.head_type == "induction" and claim.form == "heads")
    flat = [[0.001] * 12 for _ in range(12)]
    gpt2 = make_run(n_layers=12, n_heads=12).model.model_copy(update={"slug": "gpt2", "hub_id": claim.model})
    run = make_run(
        probe="induction",
        n_layers=12,
        n_heads=12,
        model=gpt2,
        scores=scores_with(claim.heads, level, 12, 12),
        q_values=flat,
        standard_errors=flat,
    )
    path, _ = write_run(copied_data / "runs", run)
    assert verdicts_on(copied_data, paper.id, claim.id) == [verdict]
    Path(path).unlink()
    assert verdicts_on(copied_data, paper.id, claim.id) == [Verdict.UNTESTED]


def test_ledger_as_json_names_every_head(headatlas):
    rows = json.loads(headatlas("paper", "claims", "--paper", "2211.00593", "--json").stdout)
    movers = next(row for row in rows if row["claim"]["id"] == "name-mover-heads")
    assert movers["claim"]["heads"] == ["L9H9", "L10H0", "L9H6"]
    assert {row["arxiv_id"] for row in rows} == {"2211.00593"}


def test_ledger_is_filtered_by_model_and_verdict(headatlas):
    done = headatlas("paper", "claims", "--model", "GPT2", "--verdict", "untested", "--json")
    rows = json.loads(done.stdout)
    assert rows
    assert {(row["verdict"], row["claim"]["model"]) for row in rows} == {("untested", "openai-community/gpt2")}


@pytest.mark.parametrize(
    ("option", "value"), [("--model", "gtp2"), ("--verdict", "reproducd"), ("--paper", "olson"), ("--head-type", "x")]
)
def test_unknown_filter_is_refused_with_near_names(headatlas, option, value):
    done = headatlas("paper", "claims", option, value)
    assert done.returncode == 2
    assert value in done.stderr
    assert done.stdout == ""
