"""Requests: one pass for all detectors, the record of a run, what is refused."""

import shutil

import pytest
import torch

from catalog.runs import ProbeRun
from probes import FinishedRuns, forward, load_model, provenance, run
from probes.attention import attention_implementation
from probes.detectors import load
from probes.errors import BadInputError, InputTooShortError, NotEnoughMemoryError, UnknownDetectorError
from probes.readouts.entropy import Entropy
from probes.recipes.own_input import OwnInput
from probes.recipes.repeated_tokens import RepeatedTokens

from .conftest import make_tiny

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
    before = provenance.code_sha256("detectors.induction")
    monkeypatch.setattr(provenance, "PACKAGE", copy)
    assert provenance.code_sha256("detectors.induction") == before
    (copy / "detectors/first_token.py").write_text("# another detector")
    assert provenance.code_sha256("detectors.induction") == before
    with (copy / "masks.py").open("a") as file:
        file.write("# changed\n")
    assert provenance.code_sha256("detectors.induction") != before


SHORT = {"half_length": 9, "n_samples": 3, "progress": False}


def measured(monkeypatch) -> list[str]:
    """Detectors that are really measured from here on."""
    from probes import session

    names = []
    measure = session.measure

    def note(model, detectors, *rest, **named):
        names.extend(one.name for one in detectors)
        return measure(model, detectors, *rest, **named)

    monkeypatch.setattr(session, "measure", note)
    return names


def test_finished_runs_are_not_measured_again(tiny_llama, tmp_path, monkeypatch):
    said = []
    keep = FinishedRuns(tmp_path, say=said.append)
    first = run(tiny_llama, "induction", keep=keep, **SHORT)
    names = measured(monkeypatch)
    both = run(tiny_llama, ["induction", "first_token"], keep=keep, **SHORT)
    assert names == ["first_token"]
    assert both["induction"].run == first["induction"].run
    assert [line.partition(":")[0] for line in said] == ["written", "confirmed, not measured again", "written"]


@pytest.mark.parametrize("change", [{"seed": 1}, {"half_length": 8}, {"n_samples": 4}], ids=str)
def test_other_settings_are_measured(tiny_llama, tmp_path, monkeypatch, change):
    keep = FinishedRuns(tmp_path)
    run(tiny_llama, "induction", keep=keep, **SHORT)
    names = measured(monkeypatch)
    run(tiny_llama, "induction", keep=keep, **(SHORT | change))
    assert names == ["induction"]


def test_changed_code_and_number_format_are_measured(tiny_llama, tmp_path, monkeypatch):
    from probes import finished

    keep = FinishedRuns(tmp_path)
    run(tiny_llama, "induction", keep=keep, **SHORT)
    names = measured(monkeypatch)
    monkeypatch.setattr(finished, "code_sha256", lambda module: "0" * 64)
    run(tiny_llama, "induction", keep=keep, **SHORT)
    monkeypatch.undo()
    names += measured(monkeypatch)
    narrow = load_model(make_tiny("llama").to(torch.bfloat16), name="Tiny Llama")
    run(narrow, "induction", keep=FinishedRuns(tmp_path / "narrow"), **SHORT)
    assert names == ["induction"]


def test_damaged_record_is_measured_again(tiny_llama, tmp_path):
    keep = FinishedRuns(tmp_path)
    run(tiny_llama, "induction", keep=keep, **SHORT)
    path = tmp_path / "tiny-llama/induction.json"
    path.write_text(path.read_text()[:100])
    run(tiny_llama, "induction", keep=keep, **SHORT)
    assert path.read_text().endswith("}\n")


def test_runs_are_written_although_a_later_detector_breaks_off(tiny_llama, tmp_path, monkeypatch):
    from probes import session

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "measure_weights", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(tiny_llama, ["induction", "copying"], keep=FinishedRuns(tmp_path), **SHORT)
    assert [path.stem for path in tmp_path.rglob("*.json")] == ["induction"]


def test_the_word_all_in_a_list_means_all(tiny_llama):
    results = run(tiny_llama, ["all"], tokens=[[5, 6, 7, 8], [5, 6, 7, 9]], progress=False)
    assert "previous_token" in results


def memory_for(monkeypatch, n_samples: int, words: str = "CUDA out of memory") -> list[int]:
    """Let passes of more samples than this run out of memory; gives the sizes that were tried."""
    tried = []
    read = forward._read_chunk

    def refuse(model, batch, read_outs, chunk, tell):
        size = chunk.stop - chunk.start
        tried.append(size)
        if size > n_samples:
            tell(chunk.stop)
            raise torch.OutOfMemoryError(words)
        return read(model, batch, read_outs, chunk, tell)

    monkeypatch.setattr(forward, "_read_chunk", refuse)
    return tried


def test_smaller_batches_are_tried_when_memory_runs_out(tiny_llama, monkeypatch):
    whole = run(tiny_llama, "induction", half_length=9, n_samples=7, progress=False)["induction"].run
    tried = memory_for(monkeypatch, 2)
    parts = run(tiny_llama, "induction", half_length=9, n_samples=7, progress=False)["induction"].run
    assert tried == [7, 3, 1, 1, 1, 1, 1, 1, 1]
    assert torch.allclose(torch.tensor(whole.scores), torch.tensor(parts.scores), atol=2e-6)


def test_progress_is_taken_back_when_memory_runs_out(tiny_llama, noting_bars, monkeypatch):
    memory_for(monkeypatch, 2)
    batch = RepeatedTokens(half_length=9, n_samples=3).batch(tiny_llama)
    forward.read(tiny_llama, batch, [Entropy(batch.is_real)], progress=noting_bars)
    assert noting_bars.shown == [3, 0.5, 1, 1.5, 2, 2.5, 3]


def test_not_even_one_sample_in_memory_is_a_clear_end(tiny_llama, monkeypatch):
    memory_for(monkeypatch, 0)
    with pytest.raises(NotEnoughMemoryError, match=r"18 tokens does not fit into the memory of cpu; shorten"):
        run(tiny_llama, "induction", **SHORT)


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        (RuntimeError("[enforce fail at alloc_cpu.cpp:129] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("MPS backend out of memory"), True),
        (torch.OutOfMemoryError("CUDA"), True),
        (RuntimeError("shapes differ"), False),
    ],
    ids=["cpu", "mps", "cuda", "other"],
)
def test_errors_about_memory_are_told_from_others(error, is_memory):
    assert forward.is_out_of_memory(error) is is_memory


class Tokenizer:
    """Words of one letter; a start token (0) in front."""

    bos_token_id = 0

    def __call__(self, text):
        return {"input_ids": [0, *(0 if letter == "^" else ord(letter) - 90 for letter in text)]}


def with_tokenizer(model, tokenizer):
    return type(model)(model.module, tokenizer, model.shape, model.record)


def test_texts_with_two_start_tokens_are_refused(tiny_llama):
    model = with_tokenizer(tiny_llama, Tokenizer())
    with pytest.raises(BadInputError, match="text 2 of 2 begins with two start tokens"):
        run(model, "first_token", texts=["abcd", "^abcd"], progress=False)
    assert OwnInput(tokens=[[0, 0, 1], [0, 0, 2]]).batch(model).tokens[0].tolist() == [0, 0, 1]


def test_texts_without_a_start_token_are_said(tiny_llama):
    model = with_tokenizer(tiny_llama, Tokenizer())
    assert "without" not in OwnInput(texts=["abcd", "efgh"]).batch(model).description
    model.tokenizer.bos_token_id = None
    assert OwnInput(texts=["abcd", "efgh"]).batch(model).description.endswith("without a start token")
