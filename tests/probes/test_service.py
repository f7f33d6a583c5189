"""Requests: one pass for all detectors, the record of a run, what is refused."""

import shutil

import pytest
import torch

from catalog.runs import ProbeRun
from probes import forward, provenance, run
from probes.attention import attention_implementation
from probes.detectors import load
from probes.errors import BadInputError, InputTooShortError, UnknownDetectorError
from probes.recipes.repeated_tokens import RepeatedTokens

STREAMED = ["duplicate_token", "first_token", "induction", "previous_token"]


def test_detectors_that_cannot_be_run_are_left_out_of_all_with_the_reason(tiny_llama):
    results = run(tiny_llama, "all", tokens=[[5, 6, 7, 8], [5, 6, 7, 9]], progress=False)
    assert "previous_token" in results
    assert "has nothing to measure" in results.left_out["induction"]
    assert "induction left out" in repr(results)


def test_scores_equal_those_taken_from_eager_maps(tiny_llama):
    results = run(tiny_llama, STREAMED, half_length=20, n_samples=6, progress=False)
    batch = RepeatedTokens(half_length=20, n_samples=6).batch(tiny_llama)
    with attention_implementation(tiny_llama.module, "eager"), torch.inference_mode():
        maps = torch.stack(tiny_llama.module(batch.tokens, output_attentions=True).attentions, dim=1)
    for name in STREAMED:
        keys = load(name).key_positions(batch)
        counts = (keys >= 0)[:, None, None]
        taken = maps.gather(-1, keys.clamp(min=0)[:, None, None].expand(*maps.shape[:3], *keys.shape[1:]))
        rows = (taken * counts).sum(-1).sum(-1) / counts.any(-1).sum(-1)
        assert torch.allclose(torch.tensor(results[name].run.scores), rows.mean(0), atol=2e-6), name


def test_all_detectors_share_one_forward_pass(tiny_llama, monkeypatch):
    passes = []
    read = type(tiny_llama).read
    monkeypatch.setattr(
        type(tiny_llama), "read", lambda self, tokens, is_real: (passes.append(len(tokens)), read(self, tokens))
    )
    run(tiny_llama, STREAMED, half_length=10, n_samples=8, progress=False)
    assert passes == [8]


def test_chunks_of_samples_give_the_same_scores(tiny_llama, monkeypatch):
    whole = run(tiny_llama, "induction", half_length=10, n_samples=8, progress=False)["induction"].run
    monkeypatch.setattr(forward, "TOKENS_AT_ONCE", 45)
    parts = run(tiny_llama, "induction", half_length=10, n_samples=8, progress=False)["induction"].run
    assert torch.allclose(torch.tensor(whole.scores), torch.tensor(parts.scores), atol=2e-6)
    assert torch.allclose(torch.tensor(whole.standard_errors), torch.tensor(parts.standard_errors), atol=2e-6)
    assert torch.allclose(torch.tensor(whole.null_scores), torch.tensor(parts.null_scores), atol=2e-6)


def test_null_does_not_depend_on_what_else_is_measured(tiny_llama):
    alone = run(tiny_llama, "induction", half_length=10, n_samples=3, progress=False)["induction"].run
    together = run(tiny_llama, STREAMED, half_length=10, n_samples=3, progress=False)["induction"].run
    assert torch.allclose(torch.tensor(alone.null_scores), torch.tensor(together.null_scores), atol=2e-6)


def test_same_seed_gives_the_same_run(tiny_llama):
    first, second = (run(tiny_llama, "induction", n_samples=3, half_length=9, progress=False) for _ in range(2))
    assert first["induction"].run.scores == second["induction"].run.scores
    assert first["induction"].run.null_scores == second["induction"].run.null_scores


def test_record_holds_what_a_repetition_needs(tiny_llama):
    record = run(tiny_llama, "induction", half_length=9, n_samples=3, seed=5, progress=False)["induction"].run
    assert isinstance(record, ProbeRun)
    assert (record.seed, record.n_samples, record.settings["half_length"]) == (5, 3, 9)
    assert record.model.weights_sha256
    assert record.provenance.torch == torch.__version__
    assert record.provenance.attention == "headatlas_streaming"


def test_own_tokens_and_texts_are_measured(tiny_llama):
    tokens = torch.tensor([[5, 6, 7, 5, 6, 7], [8, 9, 8, 9, 8, 9]])
    record = run(tiny_llama, "duplicate_token", tokens=tokens, progress=False)["duplicate_token"].run
    assert record.n_samples == 2
    assert record.inputs == "tokens given by the caller"


@pytest.mark.parametrize(
    ("request_", "error", "words"),
    [
        ({"detectors": ["inductoin"]}, UnknownDetectorError, "did you mean induction"),
        ({"detectors": []}, BadInputError, "no detector"),
        ({"tokens": [[1, 2], [3, 4]], "texts": ["a"]}, BadInputError, "both tokens and texts"),
        ({"detectors": ["induction"], "texts": ["a", "b"]}, BadInputError, "no tokenizer"),
        ({"detectors": ["induction"], "tokens": [[1, 2, 3], [4, 5, 6]]}, InputTooShortError, "induction"),
        ({"detectors": ["induction"], "tokens": [[1], [2]]}, InputTooShortError, "at least"),
        ({"detectors": ["induction"], "tokens": [[1, 2, 1]]}, InputTooShortError, "1 sample"),
        ({"detectors": ["induction"], "n_samples": 1}, InputTooShortError, "1 sample"),
        ({"length": 5}, BadInputError, "without texts"),
        ({"detectors": ["induction"], "half_length": 70}, BadInputError, "140 positions, Tiny Llama is made for 128"),
    ],
    ids=[
        "unknown",
        "none",
        "both",
        "no tokenizer",
        "no repetition",
        "one position",
        "one sample",
        "one random sample",
        "length",
        "too long",
    ],
)
def test_requests_that_cannot_be_met_are_refused(tiny_llama, request_, error, words):
    with pytest.raises(error, match=words):
        run(tiny_llama, **request_, progress=False)


def test_changed_source_changes_the_code_hash(tmp_path, monkeypatch):
    copy = shutil.copytree(provenance.PACKAGE, tmp_path / "probes")
    before = provenance.code_sha256("induction")
    monkeypatch.setattr(provenance, "PACKAGE", copy)
    assert provenance.code_sha256("induction") == before
    (copy / "detectors/first_token.py").write_text("# another detector")
    assert provenance.code_sha256("induction") == before
    with (copy / "masks.py").open("a") as file:
        file.write("# changed\n")
    assert provenance.code_sha256("induction") != before
