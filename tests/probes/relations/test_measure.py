"""Relation to heads: what is recorded, what is taken from earlier runs, what is refused, and the commands."""

import json
import sys

import pytest
import torch

from catalog.cli import main
from catalog.ids import HeadName
from catalog.relation_runs import KS, RelationRun, read_relation_runs, write_relation_run
from catalog.relations import Relation
from probes import load_model
from probes.errors import BadInputError, UnsupportedModelError
from probes.relations import measure
from probes.relations.measure import RelationSettings, measure_relations
from probes.relations.source_vectors import MapOptions
from probes.relations.token_pairs import token_pairs
from probes.tiny.architectures import tiny_model
from probes.tiny.planted import D_VOCAB
from probes.tiny.planted_circuits import COPIER, SUCCESSOR_HEAD, SUPPRESSOR, planted_circuits
from probes.tiny.planted_tables import word_tokenizer

from ..conftest import make_tiny

WORDS = [f"w{number}" for number in range(1, D_VOCAB)]
RAW = RelationSettings(MapOptions(rows="raw"), n_random=4)


def relation(name, pairs, **others):
    return Relation(
        id=name, name=name, category="algorithmic", definition="Made up.", licence="CC0-1.0", origin="Made up.",
        prompts=["see {source}"], pairs=pairs, **others,
    )  # fmt: skip


FOLLOWING = relation("following", {f"w{number}": [f"w{number + 1}", "unknown"] for number in range(1, 50)}, k=1)
COPYING = relation("copying", {word: [word] for word in WORDS[:40]}, k=1)
FEW = relation("few", {"w1": ["w2"], "w2": ["out-of", "w3"], "strange": ["w1"], "w5": ["strange"]})


@pytest.fixture(scope="module")
def model():
    module = planted_circuits(torch.arange(D_VOCAB).roll(-1))
    return load_model(module, tokenizer=word_tokenizer(WORDS), name="Planted")


@pytest.fixture(scope="module")
def runs(model):
    return measure_relations(model, [FOLLOWING, FEW, COPYING], RAW, progress=False)


def test_pairs_are_kept_with_the_targets_that_are_single_tokens(model):
    pairs = token_pairs(FEW, model.tokenizer, D_VOCAB)
    assert (pairs.sources.tolist(), pairs.accepted.tolist(), pairs.n_candidates) == ([1, 2], [[2], [3]], 4)
    assert len(token_pairs(FEW, None, D_VOCAB)) == 0
    assert len(token_pairs(FEW, model.tokenizer, 3)) == 1


def test_planted_heads_are_called_and_no_others(runs):
    following, _, copying = runs
    assert following.called() == [SUCCESSOR_HEAD]
    assert following.score(SUCCESSOR_HEAD) == 1
    assert following.standard_error(SUCCESSOR_HEAD) == 0
    assert copying.score(COPIER) == 1
    assert copying.called() == []  # the word is at the top without the head as well
    assert copying.called("suppresses") == [SUPPRESSOR]
    assert (following.n_pairs, following.n_targets, following.majority) == (49, 49, round(1 / 49, 4))


def test_relation_with_too_few_pairs_is_not_defined_and_not_scored(runs):
    few = runs[1]
    assert (few.is_defined, few.n_pairs, few.n_candidates, few.writes) == (False, 2, 4, None)
    assert few.called() == []
    with pytest.raises(KeyError, match="not defined"):
        few.score(COPIER)


def test_head_must_beat_what_happens_without_it(model, runs):
    """With embedding and unembedding alike, a copied word is at the top without any head: no head of layer 0 counts."""
    copying = runs[2]
    assert copying.no_head(HeadName(0, 0)) == 1
    assert not copying.stands_out(HeadName(0, 0))
    raw = copying.model_copy(update={"threshold": 0.0})
    assert raw.called() == []


def test_every_k_and_sign_is_recorded(runs):
    for signed in (runs[0].writes, runs[0].suppresses):
        assert sorted(signed.hits) == list(KS)
        hits = torch.tensor([signed.hits[k] for k in KS])
        assert bool((hits.diff(dim=0) >= 0).all())
        assert all(len(signed.later.random[k]) == 4 for k in KS)


def test_record_round_trips_and_is_found_again(runs, tmp_path):
    for run in runs:
        assert write_relation_run(tmp_path, run) == (tmp_path / "planted" / f"{run.relation}.json", True)
        assert write_relation_run(tmp_path, run)[1] is False
    found = read_relation_runs(tmp_path)
    assert {run.relation: run for run in found} == {run.relation: run for run in runs}


def test_nothing_is_measured_twice(model, runs, tmp_path, monkeypatch):
    for run in runs:
        write_relation_run(tmp_path, run)
    monkeypatch.setattr(measure, "count_static", lambda *_, **__: pytest.fail("measured in vain"))
    assert measure_relations(model, [COPYING, FEW, FOLLOWING], RAW, finished=tmp_path) == [runs[2], runs[1], runs[0]]
    changed = relation("copying", {word: [word] for word in WORDS[:41]}, k=1)
    other = RelationSettings(RAW.options, n_random=4, seed=1)
    for request in (([changed], RAW), ([COPYING], other)):
        with pytest.raises(pytest.fail.Exception, match="in vain"):
            measure_relations(model, *request, finished=tmp_path, progress=False)


def test_large_vocabulary_has_a_larger_k(model, monkeypatch):
    monkeypatch.setattr(measure, "LARGE_VOCABULARY", 10)
    run = measure_relations(model, [COPYING], RAW, progress=False)[0]
    assert run.k == 3


def test_model_that_cannot_be_asked_is_refused(tiny_llama, model):
    with pytest.raises(BadInputError, match="no tokenizer"):
        measure_relations(tiny_llama, [COPYING])
    with pytest.raises(BadInputError, match="no relation to measure"):
        measure_relations(model, [])


def test_weights_on_the_meta_device_are_refused_with_the_reason():
    model = load_model(make_tiny("llama"), tokenizer=word_tokenizer(WORDS), name="Tiny")
    _ = model.weights
    layer = model.module.model.layers[1]
    layer.to("meta")
    with pytest.raises(UnsupportedModelError, match=r"such as model\.layers\.1\..*, are on the meta device"):
        measure_relations(model, [COPYING], RAW, progress=False)


def test_encoder_is_refused_with_the_reason():
    tokenizer = word_tokenizer([f"w{number}" for number in range(1, 96)])
    model = load_model(tiny_model("bert"), tokenizer=tokenizer, name="Tiny BERT")
    with pytest.raises(UnsupportedModelError, match="no language head that reads left to right"):
        measure_relations(model, [COPYING], progress=False)


def test_residual_of_raw_rows_is_refused():
    with pytest.raises(BadInputError, match="leave the residual out"):
        MapOptions(rows="raw", is_residual_added=True)


def test_record_without_scores_of_a_defined_relation_is_refused(runs):
    content = runs[0].model_dump(mode="json", exclude={"writes"})
    with pytest.raises(ValueError, match="both signs are scored"):
        RelationRun.model_validate(content)


def test_hits_that_do_not_fit_the_model_are_refused(runs):
    content = runs[0].model_dump(mode="json")
    content["writes"]["hits"]["1"] = [[1, 2]]
    with pytest.raises(ValueError, match="shape"):
        RelationRun.model_validate(content)
    content = runs[0].model_dump(mode="json")
    content["writes"]["hits"]["1"][0][0] = 50
    with pytest.raises(ValueError, match="outside 0 to 49"):
        RelationRun.model_validate(content)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "tiny-llama"
    make_tiny("llama").save_pretrained(path)
    word_tokenizer([f"w{number}" for number in range(1, 96)]).save_pretrained(path)
    return path


@pytest.fixture
def headatlas(monkeypatch, capsys):
    """Run the command in this process; gives exit code, standard output and standard error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["headatlas", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


@pytest.fixture
def known(monkeypatch):
    monkeypatch.setattr("catalog.relations.read_relations", lambda: {one.id: one for one in (FEW, FOLLOWING)})


def test_command_prints_baselines_and_writes_records(headatlas, folder, known, tmp_path):
    request = ("probe", "relations", "--model", folder, "--output", tmp_path)
    code, out, err = headatlas(*request)
    assert code == 0
    assert "few on tiny-llama: 2 of 4 pairs are left by the tokenizer, 2 targets" in out
    assert "not defined: at least 30 pairs are needed" in out
    assert "best random" in out
    assert err.count("written: ") == 2
    code, out, err = headatlas(*request, "--relation", "following", "--json")
    assert err.count("confirmed, nothing changed") == 1
    assert [record["relation"] for record in json.loads(out)] == ["following"]


def test_other_settings_are_only_recorded_where_asked(headatlas, folder, known):
    code, _, err = headatlas("probe", "relations", "--model", folder, "--rows", "raw", "--relation", "few")
    assert (code, "not recorded" in err) == (0, True)


def test_describe_head_measures_what_is_missing_and_prints(headatlas, folder, known, tmp_path):
    request = ("probe", "describe-head", "L1H2", "--model", folder, "--runs", tmp_path / "runs")
    code, out, err = headatlas(*request, "--output", tmp_path / "heads")
    assert code == 0
    assert "L1H2 of tiny-llama: " in out
    assert "nearest heads: L" in out
    assert (tmp_path / "heads/tiny-llama/L1H2.json").is_file()
    assert err.count("written: ") == 3
    record = json.loads(headatlas(*request, "--json")[1])
    assert record["description"]["is_generated"] is False


BAD = {
    "relation": (["relations", "--relation", "antonnym"], "unknown relation 'antonnym'"),
    "head": (["describe-head", "23"], "write layer and head from 0"),
    "no such head": (["describe-head", "L9H0"], "no such attention head"),
    "residual": (["relations", "--rows", "raw", "--residual"], "leave the residual out"),
    "endpoint": (["describe-head", "L0H0", "--describer", "endpoint"], "needs --endpoint and --describer-model"),
}


@pytest.mark.parametrize(("arguments", "words"), BAD.values(), ids=BAD)
def test_wrong_use_is_one_line(headatlas, folder, tmp_path, arguments, words):
    place = "--runs" if arguments[0] == "describe-head" else "--output"
    code, out, err = headatlas("probe", *arguments, "--model", folder, place, tmp_path)
    assert (code, out) == (2, "")
    assert words in err.splitlines()[-1]
    assert not list(tmp_path.rglob("*.json"))
