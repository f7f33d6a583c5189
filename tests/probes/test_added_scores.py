"""Layers that add something to their scores, by distance, by head or by query, against a plain softmax."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from probes import attention, blocks
from probes.attention import streaming_attention
from probes.errors import UnsupportedModelError
from probes.forward import PassReader
from probes.masks import split_mask
from probes.readouts.entropy import Entropy
from probes.readouts.key_mass import KeyMass
from probes.readouts.largest_key import LargestIsChosen
from probes.readouts.recent_mass import RecentMass
from probes.readouts.rows import Rows

pytestmark = pytest.mark.usefixtures("computed_by")

N = 20
N_BEFORE = 7
LOWEST = torch.finfo(torch.float32).min
LATER = torch.ones(N, N, dtype=torch.bool).triu(1)


def shift(*shape):
    return 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(2))


BY_HEAD = torch.rand(1, 2, N, N, generator=torch.Generator().manual_seed(3)) < 0.7
BY_HEAD |= torch.eye(N, dtype=torch.bool)
BLANK = BY_HEAD.clone()
BLANK[0, 0, 10] = False
"""One head's query sees nothing, the other's does."""


@dataclass
class Layer:
    """One layer of two heads and two samples, and its map as a plain softmax makes it."""

    mask: Tensor | None = None
    bias: Tensor | None = None
    sinks: Tensor | None = None
    s_aux: Tensor | None = None
    is_causal: bool = True
    n_before: int = 0

    def __post_init__(self):
        generator = torch.Generator().manual_seed(0)
        self.query = torch.randn(2, 2, N, 4, generator=generator)
        self.key, self.value = (torch.randn(2, 2, self.n_before + N, 4, generator=generator) for _ in range(2))
        self.expected = self.plain_softmax()

    def plain_softmax(self):
        n_keys = self.n_before + N
        scores = self.query @ self.key.transpose(2, 3) / 2
        if self.bias is not None:
            scores = scores + self.bias
        if self.mask is not None:
            mask = self.mask[..., :n_keys]
            scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
        elif self.is_causal:
            scores = scores.masked_fill(torch.ones(N, n_keys).triu(1 + self.n_before).bool(), -torch.inf)
        scores = scores.masked_fill(scores < -1e4, -torch.inf)
        sinks = self.sinks if self.s_aux is None else self.s_aux[None, :, None, None]
        extra = torch.full((2, 2, N, 1), -torch.inf) if sinks is None else sinks.expand(2, 2, N, 1)
        return torch.softmax(torch.cat([scores, extra], dim=-1), dim=-1)[..., :-1].nan_to_num(0.0)

    def read(self, *read_outs):
        """What is read of it; its output is compared on the way."""
        reader, module = PassReader(read_outs, 1), nn.Identity()
        module.layer_idx = 0
        given = {"position_bias": self.bias, "sinks": self.sinks, "s_aux": self.s_aux, "is_causal": self.is_causal}
        token = attention._reader.set(reader)
        try:
            output, _ = streaming_attention(module, self.query, self.key, self.value, self.mask, **given)
        finally:
            attention._reader.reset(token)
        torch.testing.assert_close(output.transpose(1, 2), self.expected @ self.value, atol=1e-6, rtol=0)
        return [reader.all_layers(number)[:, 0] for number in range(len(read_outs))]


LAYERS = {
    "nothing": Layer(),
    "bias": Layer(bias=shift(1, 2, N, N)),
    "bias, all keys": Layer(bias=shift(1, 2, N, N), is_causal=False),
    "bias by sample": Layer(bias=shift(2, 2, N, N)),
    "bias by key": Layer(bias=shift(1, 2, 1, N)),
    "bias that forbids": Layer(bias=torch.zeros(N, N).masked_fill(LATER, -torch.inf)[None, None], is_causal=False),
    "bias behind a prefix": Layer(bias=shift(1, 2, N, N_BEFORE + N), n_before=N_BEFORE),
    "mask": Layer(mask=shift(1, 1, N, N)),
    "mask that forbids a little": Layer(mask=torch.zeros(N, N).masked_fill(LATER, -1e9)[None, None]),
    "mask of a larger cache": Layer(mask=shift(1, 1, N, N + 5)),
    "mask by head": Layer(mask=shift(1, 2, N, N).masked_fill(~BY_HEAD, LOWEST)),
    "mask and bias": Layer(mask=shift(2, 1, N, N), bias=shift(1, 2, N, N)),
    "truth values by head": Layer(mask=BY_HEAD),
    "a query that sees nothing in one head": Layer(mask=BLANK),
    "only the first key is seen": Layer(mask=(torch.arange(N) == 0).expand(1, 1, N, N)),
    "first queries see nothing": Layer(mask=(~LATER & (torch.arange(N) > 11))[None, None]),
    "sinks by head": Layer(s_aux=torch.tensor([1.5, -2.0])),
    "sinks by query": Layer(sinks=shift(2, 2, N, 1)),
    "sinks and bias behind a prefix": Layer(
        sinks=shift(2, 2, N, 1), bias=shift(1, 2, N, N_BEFORE + N), n_before=N_BEFORE
    ),
    "a sink that takes all": Layer(s_aux=torch.tensor([130.0, 0.0])),
}


@pytest.fixture(params=LAYERS.values(), ids=LAYERS.keys())
def layer(request, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 8)
    return request.param


def close(found, wanted):
    torch.testing.assert_close(found, wanted.to(found.dtype), atol=1e-5, rtol=0, equal_nan=True)


def own_keys(layer):
    """Keys of two positions before each query and its own."""
    own = torch.arange(N)[:, None] + layer.n_before - torch.tensor([0, 2])
    return own.clamp(min=-1).expand(2, -1, -1)


def test_whole_rows(layer):
    some = torch.tensor([[3, 19, -1], [0, 10, 11]])
    chosen = layer.expected.gather(2, some.clamp(min=0)[:, None, :, None].expand(-1, 2, -1, layer.expected.shape[3]))
    close(layer.read(Rows(some))[0], chosen * (some >= 0)[:, None, :, None])


def test_entropies(layer):
    every = torch.ones(2, N, dtype=torch.bool)
    close(layer.read(Entropy(every))[0], torch.special.entr(layer.expected).sum(-1).mean(-1))


def test_recent_keys(layer):
    every, n_recent = torch.ones(2, N, dtype=torch.bool), 3
    back = torch.arange(N)[:, None] + layer.n_before - torch.arange(N + layer.n_before)
    wanted = (layer.expected * ((back >= 0) & (back < n_recent))).sum(-1).mean(-1)
    close(layer.read(RecentMass(every, n_recent))[0], wanted)


def test_single_keys_with_and_without_blocks(layer):
    keys = own_keys(layer)
    every = torch.ones(2, N, dtype=torch.bool)
    entries = layer.expected.gather(3, keys.clamp(min=0)[:, None].expand(-1, 2, -1, -1)) * (keys >= 0)[:, None]
    wanted = entries.sum((2, 3)) / N
    close(layer.read(KeyMass(keys))[0], wanted)
    close(layer.read(KeyMass(keys), Entropy(every))[0], wanted)


def test_largest_keys(layer):
    keys = own_keys(layer)
    largest = torch.where(layer.expected.amax(-1) > 0, layer.expected.argmax(-1), -1)
    hits = (largest[..., None] == keys[:, None]).any(-1) & (largest >= 0)
    nothing = keys.new_empty(2, N, 0)
    found, empty = layer.read(LargestIsChosen(keys), LargestIsChosen(nothing))
    close(found, hits.double().mean(-1))
    assert empty.isnan().all()


@pytest.mark.parametrize("name", [name for name, layer in LAYERS.items() if layer.mask is not None])
def test_layers_that_get_the_same_mask_share_its_parts(name):
    first, again = (split_mask(LAYERS[name].mask) for _ in range(2))
    assert all(one is other for one, other in zip(first, again, strict=True))


def test_sinks_of_two_kinds_are_refused():
    tensors = [torch.zeros(1, 2, 3, 4)] * 3
    with pytest.raises(UnsupportedModelError, match="two kinds"):
        streaming_attention(nn.Identity(), *tensors, None, s_aux=torch.zeros(2), sinks=torch.zeros(1, 2, 3, 1))
