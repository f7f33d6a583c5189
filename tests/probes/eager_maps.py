"""What every read-out must give, computed from whole eager attention maps: slow, simple, and by other means."""

from functools import singledispatch

import torch

from probes.adapters.base import backbone
from probes.attention import attention_implementation
from probes.module_hooks import eager_attention
from probes.readouts.distance import Distance
from probes.readouts.entropy import Entropy
from probes.readouts.even_attention import EvenAttention
from probes.readouts.key_mass import KeyMass
from probes.readouts.largest_key import LargestIsChosen, LargestIsInSet
from probes.readouts.recent_mass import RecentMass
from probes.readouts.rows import Rows
from probes.readouts.set_mass import SetMass, SetMassAt
from probes.readouts.top_keys import TopKeys


def eager_maps(model, tokens, attention_mask=None):
    """Maps of a probed model, shape (sample, layer with softmax attention, head, query_pos, key_pos)."""
    is_streamed = model.map_sources is None
    eager = attention_implementation(model.module, "eager") if is_streamed else eager_attention(model.module)
    with eager, torch.no_grad():
        output = backbone(model.module)(tokens, attention_mask=attention_mask, output_attentions=True)
    present = [one for one in output.attentions if one is not None]
    layers = model.shape.attention_layers
    of_layers = [output.attentions[layer] for layer in layers] if len(present) > len(layers) else present
    return torch.stack([one.float() for one in of_layers], dim=1)


def mean_over_queries(values, queries):
    """Mean of (sample, layer, head, query_pos, ...) over the queries that count."""
    counts = queries[:, None, None].reshape(len(queries), 1, 1, -1, *[1] * (values.ndim - 4))
    return torch.where(counts, values, 0).sum(3) / counts.sum(3)


def steps_back(maps):
    return torch.arange(maps.shape[3])[:, None] - torch.arange(maps.shape[4])


def rows_at(maps, positions):
    at = positions.clamp(min=0)[:, None, None, :, None].expand(*maps.shape[:3], -1, maps.shape[4])
    return maps.gather(3, at) * (positions >= 0)[:, None, None, :, None]


@singledispatch
def expected(read_out, maps):
    """What a read-out must give."""
    raise NotImplementedError(f"say here what {type(read_out).__name__} is in terms of whole maps")


@expected.register
def _(read_out: KeyMass, maps):
    keys = read_out.key_positions
    at = keys.clamp(min=0)[:, None, None].expand(*maps.shape[:3], -1, -1)
    entries = maps.gather(4, at) * (keys >= 0)[:, None, None]
    mass = entries.double().sum((3, 4)) / (keys >= 0).any(-1).sum(-1)[:, None, None]
    is_seen = (entries > 0).flatten(2).any(-1)[..., None]
    return torch.where(is_seen, mass, torch.nan)


@expected.register
def _(read_out: SetMass, maps):
    return mean_over_queries(maps @ read_out.sets.transpose(1, 2).float()[:, None, None], read_out.queries)


@expected.register
def _(read_out: SetMassAt, maps):
    return rows_at(maps, read_out.query_positions) @ read_out.sets.transpose(1, 2).float()[:, None, None]


@expected.register
def _(read_out: Entropy, maps):
    return mean_over_queries(torch.special.entr(maps).sum(-1), read_out.queries)


@expected.register
def _(read_out: Distance, maps):
    return mean_over_queries((maps * steps_back(maps)).sum(-1), read_out.queries)


@expected.register
def _(read_out: RecentMass, maps):
    back = steps_back(maps)
    near = (back >= 0) & (back < read_out.n_recent)
    return mean_over_queries((maps * near).sum(-1), read_out.queries)


@expected.register
def _(read_out: EvenAttention, maps):
    seen = (maps > 0).any(2, keepdim=True).expand_as(maps).float()
    n_seen = seen.sum(-1).clamp(min=1)
    distance = (seen * steps_back(maps)).sum(-1) / n_seen
    return mean_over_queries(torch.stack([n_seen.log(), distance], dim=-1), read_out.queries)


@expected.register
def _(read_out: Rows, maps):
    return rows_at(maps, read_out.query_positions)


@expected.register
def _(read_out: TopKeys, maps):
    top = rows_at(maps, read_out.query_positions).topk(read_out.n_keys, dim=-1).indices
    return torch.where((read_out.query_positions >= 0)[:, None, None, :, None], top, -1)


def bounds(read_out, maps, rounding):
    """What a read-out must lie between: two entries that differ by rounding alone may both be the largest."""
    if isinstance(read_out, LargestIsChosen | LargestIsInSet):
        return tuple(share_of_largest(read_out, maps, margin) for margin in (rounding, -rounding))
    wanted = expected(read_out, maps)
    return wanted, wanted


def share_of_largest(read_out, maps, margin):
    """Share of queries for which the best entry that counts is above all others by a margin."""
    if isinstance(read_out, LargestIsInSet):
        counts, queries = read_out.keys[:, None].expand(maps.shape[0], *maps.shape[3:]), read_out.queries
    else:
        queries = (read_out.key_positions >= 0).any(-1)
        counts = torch.zeros(maps.shape[0], maps.shape[3], maps.shape[4] + 1, dtype=torch.bool)
        counts = counts.scatter(2, read_out.key_positions.where(read_out.key_positions >= 0, maps.shape[4]), True)[
            ..., :-1
        ]
    inside = torch.where(counts[:, None, None], maps, -1).amax(-1)
    outside = torch.where(counts[:, None, None], -1, maps).amax(-1)
    is_hit = ((inside - outside >= margin) & (inside > 0)).double()
    share = mean_over_queries(is_hit, queries)
    if isinstance(read_out, LargestIsInSet):
        return share
    is_seen = ((maps > 0) & counts[:, None, None]).flatten(3).any(-1).any(-1, keepdim=True)
    return torch.where(is_seen, share, torch.nan)
