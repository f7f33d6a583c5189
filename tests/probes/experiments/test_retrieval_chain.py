"""Chains of facts at toy size: what is measured on hand-made attention and answers, and what the record holds."""

import pytest
import torch

from catalog.experiments import Metric, read_experiment
from probes.errors import BadInputError
from probes.experiments import retrieval_chain
from probes.experiments._retrieval_chain.bars import bars
from probes.experiments._retrieval_chain.circuit import ablation_metrics
from probes.experiments._retrieval_chain.heads import ChainMeasure, ablated_accuracies
from probes.experiments._retrieval_chain.outcomes import Outcomes
from probes.experiments._retrieval_chain.remarks import explained
from probes.experiments.base import Place
from probes.tiny.tasks.retrieval_chain import RetrievalChains
from probes.tiny.transformer import TinyConfig, new_model

TOY = {"n_chains": 2, "d_model": 8, "n_steps": 4, "n_warmup": 1, "batch_size": 4, "evaluate_every": 2, "n_evaluated": 8}


def measure_of(depth=3, **settings):
    task = RetrievalChains(depth, **{"n_evaluated": 16} | settings)
    return ChainMeasure(task, task.evaluated())


def pattern_of(measure, edges):
    """One layer with one head that attends along (sequence, query, key) edges and otherwise not at all."""
    n, length = measure.sequences.tokens.shape
    pattern = torch.zeros(1, n, 1, length, length)
    for sequence, query, key in edges:
        pattern[0, sequence, 0, query, key] = 1.0
    return pattern


def all_values(measure):
    """Sequence, position and token of every value."""
    for sequence, tokens in enumerate(measure.sequences.tokens.tolist()):
        for at in range(1, len(tokens), 2):
            yield sequence, at, tokens


def scores(measure, edges):
    return {name: float(value) for name, value in measure.scores(pattern_of(measure, edges)).items()}


def test_previous_token_score_counts_every_value_and_nothing_else():
    measure = measure_of()
    found = scores(measure, [(sequence, at, at - 1) for sequence, at, _ in all_values(measure)])
    assert found == pytest.approx(dict.fromkeys(found, 0.0) | {"prev": 1.0})


def test_same_and_jump_score_look_from_values_at_the_fact_that_goes_on():
    measure = measure_of()
    same, jump = [], []
    for sequence, at, tokens in all_values(measure):
        earlier = [key for key in range(0, at, 2) if tokens[key] == tokens[at]]
        same += [(sequence, at, key) for key in earlier]
        jump += [(sequence, at, key + 1) for key in earlier]
    found = scores(measure, same)
    assert found == pytest.approx(dict.fromkeys(found, 0.0) | {"same": 1.0})
    found = scores(measure, jump)
    assert found == pytest.approx(dict.fromkeys(found, 0.0) | {"jump": 1.0})


@pytest.mark.parametrize("links", [1, 2, 3])
def test_query_scores_look_at_the_value_so_many_links_on(links):
    measure = measure_of()
    tokens, chain = measure.sequences.tokens.tolist(), measure.sequences.chain.tolist()
    last = len(tokens[0]) - 1
    values = [
        next(at for at in range(1, last, 2) if row[at] == symbols[links])
        for row, symbols in zip(tokens, chain, strict=True)
    ]
    found = scores(measure, [(sequence, last, at) for sequence, at in enumerate(values)])
    assert found == pytest.approx(dict.fromkeys(found, 0.0) | {f"q{links}": 1.0})


def test_mixed_queries_look_on_from_where_they_ask():
    measure = measure_of(targets="mixed")
    tokens, last = measure.sequences.tokens, measure.task.n_ctx - 1
    keys = [(row[:-1:2] == row[-1]).nonzero()[0, 0].item() * 2 for row in tokens]
    found = scores(measure, [(sequence, last, key) for sequence, key in enumerate(keys)])
    assert found["qkey"] == pytest.approx(1)
    found = scores(measure, [(sequence, last, key + 1) for sequence, key in enumerate(keys)])
    assert found["q1"] == pytest.approx(1)


def test_line_shows_attention_in_reading_order():
    measure = measure_of(depth=2)
    positions = [*measure.sequences.key_positions[:, 1], measure.task.n_ctx - 1]
    pattern = pattern_of(
        measure, [(sequence, measure.task.n_ctx - 1, at) for sequence, at in enumerate(positions[:-1])]
    )
    line = measure.line_attention(pattern)[0, 0]
    assert line.shape == (5, 5)
    assert line.sum() == pytest.approx(1)
    assert line[4, 0] == pytest.approx(1)


def said(symbols, d_vocab):
    """Logits of read-outs that say these symbols."""
    return torch.nn.functional.one_hot(symbols, d_vocab).float()


def test_accuracies_go_by_the_links_that_are_followed():
    measure = measure_of()
    answers = measure.sequences.answers.clone()
    answers[:8, 1] = (answers[:8, 1] + 1) % measure.task.d_vocab
    assert measure.accuracies(said(answers, 16)) == {"acc_1": 1.0, "acc_2": 0.5, "acc_3": 1.0}


def test_accuracy_without_curriculum_is_that_of_the_last_link():
    measure = measure_of(targets="last link")
    assert measure.accuracies(said(measure.sequences.chain[:, 3:], 16)) == {"acc_3": 1.0}


def test_mixed_accuracies_go_by_the_links_that_are_left():
    measure = measure_of(targets="mixed")
    answers = measure.sequences.chain[:, 3:].clone()
    is_near = measure.sequences.start == 2
    answers[is_near] = (answers[is_near] + 1) % 16
    assert measure.accuracies(said(answers, 16)) == {"acc_1": 0.0, "acc_2": 1.0, "acc_3": 1.0}


def test_ablation_puts_the_mean_in_place_of_what_a_head_writes():
    measure = measure_of(depth=1, n_evaluated=400)
    sizes = {"vocab_size": 8, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = new_model(TinyConfig(**sizes, max_position_embeddings=9, positions="learned", has_norms=True), seed=0)
    output = model.eval().model.layers[0].attention.o_proj
    with torch.no_grad():
        for parameter in model.model.layers[0].attention.parameters():
            parameter.mul_(4)

    def without(head):
        part = slice(4 * head, 4 * head + 4)

        def replace(_, inputs):
            z = inputs[0].clone()
            z[..., part] = z[..., part].mean((0, 1))
            return (z,)

        hook = output.register_forward_pre_hook(replace)
        with torch.no_grad():
            readouts = model(measure.sequences.tokens).readouts[:, -1]
        hook.remove()
        return measure.accuracies(readouts)["acc_1"]

    wanted = [without(0), without(1)]
    assert wanted[0] != wanted[1]
    assert [found["acc_1"] for found in ablated_accuracies(model, measure).values()] == pytest.approx(wanted, abs=0.003)


@pytest.mark.parametrize(
    ("settings", "accuracies"),
    [
        ({"depth": 1, "n_layers": 1}, ["acc_1"]),
        ({"depth": 3, "n_layers": 3}, ["acc_1", "acc_2", "acc_3"]),
        ({"depth": 2, "n_layers": 1, "targets": "last link", "has_norms": False}, ["acc_2"]),
        ({"depth": 2, "n_layers": 1, "targets": "mixed"}, ["acc_1", "acc_2"]),
    ],
    ids=["one link", "three links", "no curriculum", "mixed"],
)
def test_toy_run_gives_a_record_that_can_be_read_again(settings, accuracies, tmp_path):
    place = Place(device="cpu", work=tmp_path / "work")
    report = retrieval_chain.run(seeds=[3], place=place, **TOY | settings)
    assert read_experiment(report.save(tmp_path / "records")) == report.run
    assert [name for name in report.run.metrics if name.startswith("acc_") and "without" not in name] == accuracies
    assert report.run.metrics["n_steps"].by_seed == [4]
    assert len(report.table("heads")) == 2 * settings["n_layers"]
    assert all("<svg" in report.plot(name).svg for name in report.run.figures)
    assert [curve.seed for curve in report.run.series["accuracy"].curves] == [3] * len(accuracies)


def test_bars_speak_of_the_cells_that_they_were_set_for():
    def metrics_of(depth, n_layers, targets="every link", n_chains=4):
        return [bar.metric for bar in bars(RetrievalChains(depth, n_chains, targets), n_layers, 5, {"order_slip"})]

    assert metrics_of(1, 2) == metrics_of(2, 3) == ["is_solved_early"]
    assert metrics_of(3, 3)[0] == "is_solved_early"
    assert metrics_of(3, 3)[-1] == "order_slip"
    assert metrics_of(3, 2) == ["acc_1", "acc_3"]
    assert metrics_of(2, 3, "last link") == ["acc_2"]
    assert metrics_of(2, 3, "mixed") == metrics_of(2, 3, n_chains=8) == metrics_of(2, 2) == []


def make_seed(seed, *, prev=(0.9, 0.1), q1=0.9, left_of_near=0.2, q2_curve=(0.0, 0.9)):
    """Facts of a seed of the circuit: L2H0 is its near reader, L2H1 its far one."""
    heads = ["L0H0", "L0H1", "L1H0", "L1H1", "L2H0", "L2H1"]
    nothing = {"acc_1": 0.1, "acc_2": 0.1, "acc_3": 0.1}
    ablated = dict.fromkeys(heads, nothing) | {
        "L0H0": dict.fromkeys(nothing, prev[1] + 0.5),
        "L2H0": {"acc_1": 1.0, "acc_2": left_of_near, "acc_3": 0.99},
        "L2H1": {"acc_1": 1.0, "acc_2": 1.0, "acc_3": 0.2},
    }
    late = dict.fromkeys(["prev", "q1", "acc_1", "jump", "acc_2", "acc_3"], (0.0, 1.0))
    scores = {
        "prev": [*prev, *[0.0] * 4],
        "jump": [0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
        "q1": [*[0.0] * 4, q1, 0.0],
        "q2": [0.0] * 6,
    }
    return {
        "seed": seed,
        "heads": heads,
        "ablated": ablated,
        "scores": scores,
        "steps": [0, 25],
        "curves": late | {"q2": q2_curve},
        "is_solved": True,
    }


def test_missed_bars_say_what_the_heads_show():
    task = RetrievalChains(3)
    clean, shared = make_seed(0), make_seed(4, prev=(0.55, 0.31), q1=0.6, left_of_near=0.7, q2_curve=(0.0, 0.2))
    outcomes = Outcomes(task, 3, has_norms=True, n_steps=100, facts=[clean, shared])
    metrics = ablation_metrics(outcomes) | {"order_slip": Metric(description="Slip", mean=75.0)}
    wanted = bars(task, 3, 2, set(metrics))
    found = {
        bar.metric: explained(bar, metrics[bar.metric], outcomes).remark for bar in wanted if bar.metric in metrics
    }
    assert found.pop("acc_2_without_near_reader") == "seed 4 (0.70): L2H0 attends 0.60 to q1 and 0.00 to q2"
    assert found.pop("best_without_previous_token_head") == "seed 4 (0.81): L0H0 has prev 0.55 and L0H1 0.31"
    assert found.pop("order_slip") == "seed 4 solves the task while q2 never exceeds 0.3 in any head"
    assert set(found.values()) == {None}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n_layers": 0}, "at least 1 layer"),
        ({"depth": 0}, "at least 1 fact"),
        ({"n_heads": 3}, "do not divide the width"),
        ({"targets": "first link"}, "targets is 'first link'"),
    ],
    ids=["no layer", "no fact", "heads", "targets"],
)
def test_impossible_settings_are_refused(settings, words):
    with pytest.raises(BadInputError, match=words):
        retrieval_chain.run(**settings)
