"""The query-key half of copy suppression on weights set by hand and on random ones."""

import torch

from probes import load_model, run
from probes.tiny.planted_circuits import SUPPRESSOR, planted_circuits


def test_exactly_the_suppressor_is_called():
    model = load_model(planted_circuits(torch.full((64,), -1)), name="Planted circuits")
    found = run(model, "copy_suppression_qk", progress=False)["copy_suppression_qk"]
    assert found.run.called() == [SUPPRESSOR]
    assert found[SUPPRESSOR].score == 1
    assert found[SUPPRESSOR].null_score == 0


def test_random_weights_call_none(tiny_llama):
    assert run(tiny_llama, "copy_suppression_qk", progress=False)["copy_suppression_qk"].called() == []
