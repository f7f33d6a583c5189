"""Models whose layers lie on several devices: every read-out stays on its layer's device, and only numbers leave it.

The second device is torch's "meta": it refuses to mix with the CPU as a GPU does. What leaves it is counted.
"""

import pytest
import torch
from accelerate import cpu_offload
from accelerate.utils import send_to_device
from torch.fx.experimental import _config
from torch.utils._python_dispatch import TorchDispatchMode

from probes import load_model
from probes.attention import reading
from probes.errors import UnsupportedModelError
from probes.forward import PassReader
from probes.readouts.distance import Distance
from probes.readouts.entropy import Entropy
from probes.readouts.even_attention import EvenAttention
from probes.readouts.head_output import HeadOutput
from probes.readouts.key_mass import KeyMass
from probes.readouts.largest_key import LargestIsChosen, LargestIsInSet
from probes.readouts.mean_output import MeanOutput
from probes.readouts.recent_mass import RecentMass
from probes.readouts.rows import Rows
from probes.readouts.set_mass import SetMass, SetMassAt
from probes.readouts.top_keys import TopKeys

from .conftest import N_LAYERS, make_tiny

LENGTH = 20
FAR = torch.device("meta")


class Transfers(TorchDispatchMode):
    """Lets far tensors be copied to the CPU, as zeros, notes how large they are, and says yes if asked."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        given = args[0] if args else None
        to_cpu = function is torch.ops.aten._to_copy.default and str((kwargs or {}).get("device")) == "cpu"
        if to_cpu and given.device == FAR:
            self.sizes.append(given.numel())
            return torch.zeros(given.shape, dtype=kwargs.get("dtype") or given.dtype)
        if function is torch.ops.aten._local_scalar_dense.default and given.device == FAR:
            return True
        return function(*args, **(kwargs or {}))


def read_outs():
    queries = torch.ones(2, LENGTH, dtype=torch.bool)
    rows = torch.tensor([[3, 19], [5, -1]])
    sets = torch.ones(2, 3, LENGTH, dtype=torch.bool)
    keys = torch.arange(LENGTH)[None, :, None].expand(2, -1, 2).clone()
    return {
        KeyMass(keys): 2 * 4,
        SetMass(queries=queries, sets=sets): 2 * 4 * 3,
        SetMassAt(sets=sets, query_positions=rows): 2 * 4 * 2 * 3,
        Entropy(queries): 2 * 4,
        Distance(queries): 2 * 4,
        EvenAttention(queries): 2 * 4 * 2,
        LargestIsChosen(keys): 2 * 4,
        LargestIsInSet(queries, queries): 2 * 4,
        RecentMass(queries, 5): 2 * 4,
        Rows(rows): 2 * 4 * 2 * LENGTH,
        TopKeys(rows, 3): 2 * 4 * 2 * 3,
        HeadOutput(rows): 2 * 4 * 2 * 8,
        MeanOutput(queries): 2 * 4 * 8,
    }


def sharded(name):
    """A tiny model with its last attention on the far device; tensors are moved to and fro as accelerate does."""
    model = make_tiny(name)
    attention = model.model.layers[-1].self_attn.to(FAR)
    attention.register_forward_pre_hook(lambda _, args, kwargs: send_to_device((args, kwargs), FAR), with_kwargs=True)
    attention.register_forward_hook(lambda _, args, output: send_to_device(output, "cpu"))
    return model


@pytest.mark.parametrize("is_padded", [False, True], ids=["whole", "padded"])
@pytest.mark.parametrize("name", ["llama", "mistral_window", "gemma2_softcap", "gpt_oss_sinks"])
def test_read_outs_move_nothing_but_their_result(name, is_padded):
    wanted = read_outs()
    attention_mask = torch.ones(2, LENGTH, dtype=torch.int64)
    if is_padded:
        attention_mask[0, :4] = 0
    reader = PassReader(list(wanted), N_LAYERS)
    transfers = Transfers()
    model = sharded(name)
    # The far device holds no numbers, so which of them are not 0 has to be settled.
    with reading(model, reader), _config.patch(meta_nonzero_assume_all_nonzero=True), transfers:
        model.model(torch.full((2, LENGTH), 5), attention_mask=attention_mask, use_cache=False)
    what_the_layer_gives = 2 * LENGTH * 32
    assert sorted(transfers.sizes) == sorted([*wanted.values(), what_the_layer_gives])
    assert {reader.all_layers(number).device.type for number in range(len(wanted))} == {"cpu"}


def test_model_whose_weights_are_offloaded_is_refused():
    model = cpu_offload(make_tiny("llama"), execution_device="cpu")
    with pytest.raises(UnsupportedModelError, match=r"was offloaded.*device_map that keeps them"):
        load_model(model)
