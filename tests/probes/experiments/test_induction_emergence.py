"""Two layers on repeated tokens: scores of hand-made attention, the record of a toy run, the trained model itself."""

from pathlib import Path

import pytest
import torch

from catalog.experiments import read_experiment
from catalog.ids import HeadName
from probes import load_model, run
from probes.errors import BadInputError
from probes.experiments import induction_emergence
from probes.experiments.base import Place
from probes.experiments.induction_emergence import InductionMeasure
from probes.tiny.tasks.repeated_tokens import RepeatedTokens

TRAINED = Path(__file__).parents[2] / "fixtures" / "two_layers"
"""Seed 0 of `headatlas experiment run induction_emergence`, as its weights were kept."""

TASK = RepeatedTokens(d_vocab=12, length=16, shortest_period=3, longest_period=6, n_evaluated=8)
TOY = {
    "n_heads": 2, "d_model": 8, "d_vocab": 12, "length": 16, "shortest_period": 3, "longest_period": 6,
    "n_steps": 4, "n_warmup": 1, "batch_size": 4, "evaluate_every": 2, "n_evaluated": 8,
}  # fmt: skip


def scores_of(edges):
    """Scores of one head that attends along (sequence, query, key) edges with the weight given."""
    measure = InductionMeasure(TASK.evaluated())
    pattern = torch.zeros(1, 8, 1, 16, 16)
    for sequence, query, key, weight in edges:
        pattern[0, sequence, 0, query, key] += weight
    return {kind: float(score) for kind, score in measure.scores(pattern).items()}


def test_previous_token_score_is_attention_one_place_back():
    edges = [(sequence, query, query - 1, 1.0) for sequence in range(8) for query in range(1, 16)]
    assert scores_of(edges)["prev"] == pytest.approx(1)
    assert scores_of([(sequence, query, 0, 1.0) for sequence in range(8) for query in range(2, 16)])["prev"] == 0


def test_induction_score_adds_up_what_followed_every_earlier_occurrence():
    edges = []
    for sequence, tokens in enumerate(TASK.evaluated().tokens.tolist()):
        for query in range(16):
            after = [key + 1 for key in range(query) if tokens[key] == tokens[query]]
            edges += [(sequence, query, key, 1 / len(after)) for key in after]
    found = scores_of(edges)
    assert found["induction"] == pytest.approx(1)
    assert found["prev"] < 0.2


def test_toy_run_gives_a_record_that_can_be_read_again(tmp_path):
    place = Place(device="cpu", work=tmp_path / "work")
    report = induction_emergence.run(seeds=range(2), place=place, **TOY)
    assert read_experiment(report.save(tmp_path / "records")) == report.run
    assert {"known_loss", "prev", "induction", "k_composition"} <= set(report.run.metrics)
    assert [len(curve.x) for curve in report.run.series["phase_change"].curves] == [3] * 5
    assert report.run.tables["heads"].column("seed") == [0, 1]
    assert all("<svg" in report.plot(name).svg for name in report.run.figures)


def test_one_layer_has_no_composition(tmp_path):
    place = Place(device="cpu", work=tmp_path / "work")
    report = induction_emergence.run(seeds=[0], place=place, **TOY | {"n_layers": 1})
    assert not {"k_composition", "k_baseline"} & set(report.run.metrics)
    assert report.run.tables["heads"].rows[0][3] is None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"longest_period": 80}, "d_vocab is 64"),
        ({"length": 20}, "length is 20"),
        ({"n_heads": 7}, "do not divide"),
        ({"n_layers": 3}, "about 1 or 2 layers"),
    ],
    ids=["period beyond the vocabulary", "nothing repeated", "heads", "layers"],
)
def test_impossible_settings_are_refused(settings, words):
    with pytest.raises(BadInputError, match=words):
        induction_emergence.run(seeds=[0], **settings)


@pytest.fixture(scope="module")
def detected():
    """What the detectors say about the two-layer model that was trained on repeated tokens."""
    return run(load_model(TRAINED), ["previous_token", "induction"], half_length=24, progress=False)


def test_detectors_call_the_induction_heads_of_the_trained_model(detected):
    called = detected["induction"].run.called()
    assert called
    assert {head.layer for head in called} == {1}
    assert all(detected["induction"].run.score(head) > 0.9 for head in called)


def test_detectors_call_its_previous_token_head(detected):
    assert detected["previous_token"].run.called() == [HeadName(0, 0)]


def test_trained_model_continues_what_is_repeated():
    task = RepeatedTokens()
    sequences = task.evaluated()
    with torch.no_grad():
        said = load_model(TRAINED).module(sequences.tokens).logits[:, :-1].argmax(-1)
    is_right = said == sequences.tokens[:, 1:]
    assert is_right[sequences.is_known].double().mean() > 0.99
    assert is_right[~sequences.is_known].double().mean() < 0.1
