"""Every read-out against eager attention maps, with left padding and several samples, on layers of many kinds."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from probes import blocks
from probes.attention import attention_implementation, reading
from probes.forward import PassReader
from probes.readouts.distance import Distance
from probes.readouts.entropy import Entropy
from probes.readouts.head_output import HeadOutput
from probes.readouts.key_mass import KeyMass
from probes.readouts.largest_key import LargestIsChosen, LargestIsInSet
from probes.readouts.rows import Rows
from probes.readouts.set_mass import SetMass, SetMassAt
from probes.readouts.top_keys import TopKeys

from .conftest import N_LAYERS, make_tiny
from .eager_maps import bounds

LENGTH = 40
N_SETS = 11  # more than tiny heads are wide, so that columns are split
ROUNDING = 1e-5

pytestmark = pytest.mark.usefixtures("computed_by")

KINDS = ["gpt2", "llama", "gemma2_softcap", "gpt_oss_sinks", "mistral_window"]


class World:
    """One model and input: eager maps on one side, what is read on the other."""

    def __init__(self, name, is_padded):
        torch.manual_seed(1)
        self.model = make_tiny(name)
        self.tokens = torch.randint(4, 96, (2, LENGTH))
        self.attention_mask = torch.ones_like(self.tokens)
        if is_padded:
            self.attention_mask[0, :11] = 0
        self.queries = (self.attention_mask > 0) & (torch.rand(2, LENGTH) < 0.6)
        self.sets = torch.rand(2, N_SETS, LENGTH) < 0.3
        self.positions = torch.tensor([[39, 12, -1], [20, 0, 33]])
        with attention_implementation(self.model, "eager"), torch.no_grad():
            maps = self.model(self.tokens, attention_mask=self.attention_mask, output_attentions=True).attentions
        self.maps = torch.stack(maps, dim=1)

    def read(self, *read_outs):
        reader = PassReader(read_outs, N_LAYERS)
        with reading(self.model, reader):
            self.model(self.tokens, attention_mask=self.attention_mask, use_cache=False)
        return [reader.all_layers(number) for number in range(len(read_outs))]

    def mean(self, values):
        """Mean of (sample, layer, head, query_pos, ...) over the queries that count."""
        counts = self.queries[:, None, None].reshape(2, 1, 1, LENGTH, *[1] * (values.ndim - 4))
        return (values * counts).sum(3) / counts.sum(3)

    def rows(self):
        at = self.positions.clamp(min=0)[:, None, None, :, None].expand(*self.maps.shape[:3], -1, LENGTH)
        return self.maps.gather(3, at) * (self.positions >= 0)[:, None, None, :, None]


@pytest.fixture(scope="module", params=[(name, padded) for name in KINDS for padded in (False, True)], ids=str)
def world(request):
    return World(*request.param)


def difference(left, right):
    return float((left - right).abs().max())


def test_masses_on_sets_of_keys(world):
    expected = world.mean(world.maps @ world.sets.transpose(1, 2).float()[:, None, None])
    assert difference(world.read(SetMass(world.queries, world.sets))[0], expected) < ROUNDING


def test_masses_on_sets_of_chosen_queries(world):
    expected = world.rows() @ world.sets.transpose(1, 2).float()[:, None, None]
    assert difference(world.read(SetMassAt(world.positions, world.sets))[0], expected) < ROUNDING


def test_masses_on_chosen_keys(world):
    keys = torch.where(world.queries[..., None], torch.arange(LENGTH)[None, :, None] - torch.tensor([1, 3]), -1)
    expected = (world.maps.gather(4, keys.clamp(min=0)[:, None, None].expand(-1, 2, 4, -1, -1))) * (keys >= 0)[
        :, None, None
    ]
    n_rows = (keys >= 0).any(-1).sum(-1)[:, None, None]
    assert difference(world.read(KeyMass(keys))[0], expected.sum((3, 4)) / n_rows) < ROUNDING


def test_how_often_the_largest_key_is_chosen(world):
    keys = torch.where(world.queries[..., None], torch.arange(LENGTH)[None, :, None] - torch.tensor([0, 2]), -1)
    read_outs = LargestIsChosen(keys.clamp(min=-1)), LargestIsInSet(world.queries, world.sets[:, 0])
    for read_out, found in zip(read_outs, world.read(*read_outs), strict=True):
        low, high = bounds(read_out, world.maps, ROUNDING)
        assert ((low - 1e-6 <= found) & (found <= high + 1e-6)).all()
        assert 0 < float(high.mean()) < 1


def test_largest_keys_in_many_blocks_of_which_some_have_no_chosen_key(world, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 8)
    is_late = torch.arange(LENGTH) >= LENGTH // 2
    keys = torch.where((world.queries & is_late)[..., None], torch.arange(LENGTH)[None, :, None], -1)
    read_outs = LargestIsChosen(keys), LargestIsInSet(world.queries, world.sets[:, 0])
    for read_out, found in zip(read_outs, world.read(*read_outs), strict=True):
        low, high = bounds(read_out, world.maps, ROUNDING)
        assert ((low - 1e-6 <= found) & (found <= high + 1e-6)).all()


def test_few_keys_are_read_without_blocks(world, monkeypatch):
    keys = torch.where(world.queries[..., None], torch.arange(LENGTH)[None, :, None] - torch.tensor([1, 3]), -1)
    few = PassReader([KeyMass(keys)], N_LAYERS)
    of_blocks = PassReader([KeyMass(keys), Entropy(world.queries)], N_LAYERS)
    assert few.visit is None
    assert of_blocks.visit is not None
    assert difference(world.read(KeyMass(keys))[0], world.read(KeyMass(keys), Entropy(world.queries))[0]) < ROUNDING


def test_entropy(world):
    expected = world.mean(torch.special.entr(world.maps).sum(-1))
    assert difference(world.read(Entropy(world.queries))[0], expected) < 2 * ROUNDING  # of values up to 3.7 nats


def test_mean_distance(world):
    steps = torch.arange(LENGTH)[:, None] - torch.arange(LENGTH)
    expected = world.mean((world.maps * steps).sum(-1))
    assert difference(world.read(Distance(world.queries))[0], expected) < ROUNDING * LENGTH


def test_whole_rows(world):
    assert difference(world.read(Rows(world.positions))[0], world.rows()) < ROUNDING


def test_most_attended_keys(world):
    (top,) = world.read(TopKeys(world.positions, n_keys=3))
    exists = (world.positions >= 0)[:, None, None, :, None].expand_as(top)
    assert (top[~exists] == -1).all()
    rows = world.rows()
    masses = rows.gather(4, top.clamp(min=0))
    assert difference(masses * exists, rows.topk(3, dim=-1).values * exists) < ROUNDING


def test_head_outputs_are_maps_times_values(world):
    values = {}

    class Values:
        def read(self, call):
            values[call.layer] = call.value.repeat_interleave(call.n_groups, 1)

    with reading(world.model, Values()):
        world.model(world.tokens, attention_mask=world.attention_mask, use_cache=False)
    expected = torch.stack([rows @ values[layer] for layer, rows in enumerate(world.rows().unbind(1))], dim=1)
    assert difference(world.read(HeadOutput(world.positions))[0], expected) < 5 * ROUNDING  # values are above 1


def test_read_outs_that_share_work_give_what_each_gives_alone(world):
    wanted = [
        SetMass(world.queries, world.sets),
        Entropy(world.queries),
        Distance(world.queries),
        SetMass(world.queries, ~world.sets[:, :2]),
    ]
    together = world.read(*wanted)
    alone = [world.read(one)[0] for one in wanted]
    assert [part.shape for part in together] == [part.shape for part in alone]
    assert all(difference(*pair) < ROUNDING * LENGTH for pair in zip(together, alone, strict=True))


def test_parts_of_samples_put_together_are_the_whole(world):
    whole = SetMass(world.queries, world.sets)
    part = whole.part(slice(1, 2))
    assert torch.equal(part.sets, world.sets[1:])
    assert torch.equal(part.queries, world.queries[1:])


def test_cached_prefix_gives_the_same_distance_and_entropy():
    world = World("llama", is_padded=False)
    reader = PassReader([Distance(world.queries[:, 25:]), Entropy(world.queries[:, 25:])], N_LAYERS)
    with torch.no_grad():
        cache = world.model(world.tokens[:, :25], use_cache=True).past_key_values
    with reading(world.model, reader):
        world.model(world.tokens[:, 25:], past_key_values=cache, use_cache=True)
    world.queries[:, :25] = False
    steps = torch.arange(LENGTH)[:, None] - torch.arange(LENGTH)
    expected = world.mean((world.maps * steps).sum(-1))
    assert difference(reader.all_layers(0), expected) < ROUNDING * LENGTH
    assert difference(reader.all_layers(1), world.mean(torch.special.entr(world.maps).sum(-1))) < 2 * ROUNDING


class LargestTensor(TorchDispatchMode):
    """Watches the numbers of elements of all tensors that are made."""

    size = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        tensors = [part for part in (made if isinstance(made, tuple) else (made,)) if isinstance(part, torch.Tensor)]
        self.size = max([self.size, *(part.numel() for part in tensors)])
        return made


def largest_tensor(name, length):
    model = make_tiny(name)
    tokens = torch.randint(4, 96, (1, length))
    queries = torch.ones(1, length, dtype=torch.bool)
    keys = (torch.arange(length)[None, :, None] - 1).clone()
    read_outs = [
        SetMass(queries, queries[:, None]),
        Entropy(queries),
        Distance(queries),
        KeyMass(keys),
        LargestIsChosen(keys),
        LargestIsInSet(queries, queries),
        Rows(torch.tensor([[length - 1]])),
    ]
    reader = PassReader(read_outs, N_LAYERS)
    with LargestTensor() as largest, reading(model, reader):
        model.base_model(tokens, use_cache=False)
    return largest.size


@pytest.mark.parametrize("name", ["llama", "gemma2_softcap", "gpt_oss_sinks"])
def test_largest_tensor_grows_no_faster_than_the_length(name, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 4)
    assert largest_tensor(name, 128) <= 2.1 * largest_tensor(name, 64)
