"""A small invented world: four papers, three head types and runs of two models that never existed."""

import random
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from catalog import cli
from catalog.effects import EffectRun
from catalog.experiments import ExperimentRun, Metric
from catalog.models import HeadType, Paper
from catalog.registry import Registry
from catalog.relation_runs import RelationRun
from catalog.runs import MeasuredModel, ProbeRun, Provenance

HOSTILE = 'A <script>alert("x")</script> *star* | # [link](javascript:alert(1)) `code` {{ 7 * 7 }} {: #id } & 1. _end_'


def _make_paper(paper_id="grebe-2021-echo", **changes):
    values = {
        "id": paper_id,
        "title": "Echo Heads in Small Ponds",
        "authors": ["Ada Grebe", "Bo Heron"],
        "date": "2021-05-04",
        "date_basis": "submission",
        "arxiv_id": "2105.00001",
        "venue": "PondConf 2022",
        "links": {"paper": "https://example.org/echo"},
        "head_types": ["echo"],
        "models": ["Pond-1"],
        "added": "2024-02-03",
        "summary": {
            "innovation": "Names echo heads.",
            "tasks": "Looks at three ponds.",
            "result": "Every pond has some.",
            "written_by": "language model",
        },
        "claims": [
            {
                "id": "named-heads",
                "form": "heads",
                "statement": "Two heads echo.",
                "where": "table 1",
                "head_type": "echo",
                "model": "invented/pond-1",
                "heads": ["L1H2", "L3H0"],
                "scores": [0.9, -0.25],
                "measure": "echo score",
                "evidence": "primary",
            },
            {
                "id": "few",
                "form": "share",
                "statement": "Echo heads are few.",
                "head_type": "echo",
                "at_most": 0.1,
            },
            {
                "id": "needed",
                "form": "effect",
                "statement": "Without echo heads the pond is silent.",
                "head_type": "echo",
                "metric": "loudness",
                "direction": "falls",
                "at_least": 0.5,
                "unit": "nats",
            },
            {"id": "beauty", "form": "untestable", "statement": "Echoes are pretty.", "reason": "a matter of taste"},
        ],
    }
    return Paper.model_validate(values | changes)


def _make_run(slug="pond-1", probe="echo", n_layers=4, n_heads=3, level=0.9, **changes):
    """A run with one strong head in every second layer."""
    draw = random.Random(f"{slug} {probe}")
    scores = [[draw.uniform(0, 0.2) for _ in range(n_heads)] for _ in range(n_layers)]
    for layer in range(0, n_layers, 2):
        scores[layer][draw.randrange(n_heads)] = level - layer / 100
    small = [[0.006] * n_heads for _ in range(n_layers)]
    values = {
        "probe": probe,
        "head_type": probe,
        "family": "pattern",
        "model": MeasuredModel(
            slug=slug,
            name=slug.replace("pond", "Pond").replace("lake", "Lake"),
            hub_id=f"invented/{slug}",
            weights_sha256="ab" * 32,
            quantization="Q4_1",
            architecture="PondForCausalLM",
            n_layers=n_layers,
            n_heads=n_heads,
            n_key_value_heads=1,
            d_model=64,
            d_head=16,
            n_parameters=1_234_567,
        ),
        "inputs": "50 random tokens, then the same 50 again",
        "settings": {"half_length": 50, "first_id": None},
        "seed": 0,
        "n_samples": 32,
        "threshold": 0.4,
        "false_discovery_rate": 0.05,
        "scores": scores,
        "standard_errors": small,
        "null_scores": [[0.011] * n_heads for _ in range(n_layers)],
        "null_standard_errors": small,
        "q_values": [[0.0001 if score > 0.1 else 0.6 for score in row] for row in scores],
        "provenance": Provenance(
            created=datetime(2026, 11, 22, 3, 4, tzinfo=UTC),
            seconds=12.5,
            headatlas="0.1.0",
            code_sha256="cd" * 32,
            python="3.11.2",
            torch="2.13.0",
            transformers="5.23.0",
            device="cpu",
            dtype="float32",
            attention="headatlas_streaming",
        ),
    }
    return ProbeRun(**(values | changes))


def _make_head_type(head_type_id="echo", **changes):
    values = {
        "id": head_type_id,
        "name": f"{head_type_id} head".replace("_", " "),
        "definition": f"A head that does what {head_type_id} heads do.",
    }
    return HeadType.model_validate(values | changes)


@pytest.fixture
def plain_terminal(monkeypatch):
    """The real data folder, and a wide terminal without colours."""
    monkeypatch.delenv("HEADATLAS_DATA", raising=False)
    for name, value in {"COLUMNS": "200", "NO_COLOR": "1", "PYTHONUTF8": "1"}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def headatlas(monkeypatch, capsys, plain_terminal):
    """Function that runs the command in this process, which takes a hundredth of the time."""

    def headatlas(*arguments):
        monkeypatch.setattr(sys, "argv", ["headatlas", *map(str, arguments)])
        monkeypatch.setattr(cli.app, "registered_groups", list(cli.app.registered_groups))
        with pytest.raises(SystemExit) as caught:
            cli.main()
        printed = capsys.readouterr()
        return subprocess.CompletedProcess(sys.argv, caught.value.code or 0, printed.out, printed.err)

    return headatlas


TOGETHER = """
import pathlib, sys, time

def ready():
    place = pathlib.Path(sys.argv[1])
    (place / f"ready-{sys.argv[2]}").touch()
    while len(list(place.glob("ready-*"))) < int(sys.argv[3]):
        time.sleep(0.01)
"""
"""What every process of `run_together` begins with."""


@pytest.fixture
def run_together(tmp_path):
    """Function that runs a script in several processes at once; `ready()` in it returns when all have come there.

    The script finds its own argument in sys.argv[4].
    """

    def run_together(script, *arguments):
        place = tmp_path / "together"
        place.mkdir()
        count = str(len(arguments))
        commands = [
            [sys.executable, "-c", TOGETHER + script, str(place), str(number), count, str(argument)]
            for number, argument in enumerate(arguments)
        ]
        running = [subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8") for command in commands]
        for process in running:
            _, trouble = process.communicate(timeout=60)
            assert (process.returncode, trouble) == (0, "")

    return run_together


@pytest.fixture
def make_paper():
    """Function that makes an invented paper; keyword arguments change fields."""
    return _make_paper


@pytest.fixture
def make_run():
    """Function that makes an invented run; keyword arguments change fields."""
    return _make_run


@pytest.fixture
def make_effect(make_run):
    """Function that makes an effect run whose metric falls from 5 to the given level."""

    def make(level, **changes):
        run = make_run()
        values = {
            "effect": "loudness",
            "head_type": "echo",
            "model": run.model,
            "metric": "loudness",
            "unit": "nats",
            "ablation": "zero",
            "chosen_by": "echo",
            "heads": ["L0H1"],
            "inputs": "ponds",
            "settings": {},
            "seed": 0,
            "baseline": [5.0, 5.1, 4.9],
            "ablated": [level, level + 0.1, level - 0.1],
            "random": [[4.9, 5.0, 4.8], [5.0, 5.1, 4.9]],
            "provenance": run.provenance,
        }
        return EffectRun.model_validate(values | changes)

    return make


@pytest.fixture
def make_experiment(make_run):
    """Function that makes the record of an invented experiment; keyword arguments change fields."""

    def make_experiment(loudness=(1.0, 2.0), **changes):
        values = {
            "experiment": "pond",
            "question": "Are ponds loud?",
            "paper": "tester-2020-pond",
            "choices": ["The pond is small."],
            "settings_version": 1,
            "settings": {"depth": 2, "is_deep": False, "shape": "round"},
            "seeds": [0, 1],
            "metrics": {"loudness": Metric.over_seeds("loudness of the pond", list(loudness))},
            "series": {
                "ripples": {
                    "description": "Ripples over time.",
                    "x_name": "step",
                    "y_name": "height",
                    "curves": [
                        {"name": "north", "seed": seed, "x": [0, 1, 2], "y": [0.0, None, 0.5]} for seed in (0, 1)
                    ],
                }
            },
            "tables": {
                "shores": {
                    "description": "Shores.",
                    "columns": ["seed", "shore", "height", "width"],
                    "rows": [[0, "north", 0.25, 1.5], [1, "south", None, 2.5]],
                },
                "swaps": {
                    "description": "Shores exchanged.",
                    "columns": ["seed", "from", "to", "height"],
                    "rows": [[f"seed {seed}", "a", "b", 0.25 + seed / 2] for seed in (0, 1)]
                    + [[f"seed {seed}", "a", "a", 1] for seed in (0, 1)],
                },
            },
            "figures": {
                "ripples": {"kind": "curves", "source": "ripples", "seed": 0, "title": "Ripples", "caption": "Waves."},
                "shores_scatter": {
                    "kind": "scatter",
                    "source": "shores",
                    "columns": ["height", "width"],
                    "title": "Shores",
                    "caption": "Heights.",
                },
                "swaps": {
                    "kind": "grid",
                    "source": "swaps",
                    "columns": ["seed", "from", "to", "height"],
                    "title": "Swaps",
                    "caption": "Exchanged.",
                },
            },
            "bars": [{"statement": "loud", "metric": "loudness", "at_least": 1.0}],
            "provenance": make_run().provenance,
        }
        return ExperimentRun.model_validate(values | changes)

    return make_experiment


@pytest.fixture
def hostile():
    """Text that tries to be markup in every language of the site."""
    return HOSTILE


@pytest.fixture
def world():
    """Registry with an entry of every kind: measured and not, read first and not, hostile text among it."""
    papers = [
        _make_paper("heron-2020-old", title="The Oldest Pond", date="2020", arxiv_id=None, venue=None),
        _make_paper(),
        _make_paper("coot-2023-hostile", title=HOSTILE, date="2023-01", arxiv_id=None, authors=[HOSTILE]),
        _make_paper("teal-2024-none", title="Nothing Named", date="2024", head_types=[], arxiv_id=None),
    ]
    head_types = [
        _make_head_type(
            aliases=["mirror head"], stage="latent reasoning", detectors=["echo"], read_first="grebe-2021-echo"
        ),
        _make_head_type("far_echo", broader=["echo"], detectors=["far_echo"]),
        _make_head_type("ripple", definition=HOSTILE),
    ]
    runs = [_make_run(), _make_run("lake-2", n_layers=8), _make_run(probe="far_echo", level=0.3)]
    return Registry({paper.id: paper for paper in papers}, {head_type.id: head_type for head_type in head_types}, runs)


@pytest.fixture
def make_relation_run(make_run):
    """Function that makes a run of an invented relation on Pond-1 from hits by head; other words change fields."""

    def signed(found):
        hits = [[(found or {}).get(f"L{layer}H{head}", 0) for head in range(3)] for layer in range(4)]
        baselines = {"no_head": {10: 2}, "random": {10: [1, 3]}}
        q_values = [[0.001 if hit else 1.0 for hit in row] for row in hits]
        return {"hits": {10: hits}, "q_values": q_values, "first": baselines, "later": baselines}

    def make_relation_run(writes=None, suppresses=None, **changes):
        values = {
            "relation": "frog_to_sound",
            "category": "knowledge",
            "definition": "The target is the sound of the frog.",
            "pairs_sha256": "ab" * 32,
            "model": make_run().model,
            "n_candidates": 60,
            "n_pairs": 40,
            "n_targets": 39,
            "majority": 0.05,
            "least_pairs": 30,
            "rows": "first_mlp",
            "is_residual_added": False,
            "are_norms_folded": False,
            "n_random": 2,
            "seed": 0,
            "k": 10,
            "threshold": 0.15,
            "false_discovery_rate": 0.05,
            "writes": signed(writes),
            "suppresses": signed(suppresses),
            "provenance": make_run().provenance,
        } | changes
        return RelationRun.model_validate(values)

    return make_relation_run
