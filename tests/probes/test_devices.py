import pytest
import torch

from probes.devices import choose_device, one_thread
from probes.errors import BadInputError


def test_auto_takes_the_best_kind_there_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto").type == "cpu"
    assert choose_device("auto", ("cuda", "mps")).type == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto", ("cuda", "mps")).type == "cuda"


@pytest.mark.parametrize("wanted", ["cuda:9", "abacus"])
def test_device_that_is_missing_is_named_with_a_way_out(wanted):
    with pytest.raises(BadInputError, match=rf"device '{wanted}' cannot be used here .* use auto, cpu, cuda"):
        choose_device(wanted)


def test_one_thread_is_one_thread_and_gives_the_others_back():
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
