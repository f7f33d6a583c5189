"""Every pattern detector on tiny random models of many architectures, against whole eager attention maps.

What is supported and what is refused stands in site/docs/architectures.md, which is written from the same models.
"""

import importlib.util
import math
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
import transformers

from probes import detectors, load_model, pieces
from probes.adapters.base import backbone
from probes.detectors.base import KeyDetector, PassDetector
from probes.errors import UnsupportedModelError
from probes.forward import PassReader, read
from probes.inputs import TokenBatch
from probes.measure import measure
from probes.readouts.distance import Distance
from probes.readouts.entropy import Entropy
from probes.readouts.even_attention import EvenAttention
from probes.readouts.key_mass import KeyMass
from probes.readouts.rows import Rows
from probes.recipes.prompts import Prompts
from probes.tiny.architectures import DECODERS, ENCODERS, tiny_model

from .eager_maps import bounds, eager_maps

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "site/docs/architectures.md"
HALF = 66
LENGTH = 2 * HALF  # streaming needs 129 positions
N_SAMPLES = 3
ROUNDING = 1e-5
SCALES = {Entropy: math.log(LENGTH), Distance: LENGTH, EvenAttention: LENGTH}
"""Largest values of read-outs that are no probabilities; rounding is in proportion."""

SCALES_OF_UNITS = {"bits": math.log2(LENGTH), "tokens": LENGTH}


class AnyMark(dict):
    """Marks under any name: two positions in each sample, different for every name; the kinds of tokens besides."""

    def __missing__(self, name):
        return torch.tensor([[20 + sum(map(ord, name)) % 60, 90]] * N_SAMPLES)


@cache
def loaded(name):
    """The tiny model, or the error with which it is refused."""
    try:
        return load_model(tiny_model(name), name=name)
    except UnsupportedModelError as error:
        return error


def pattern_detectors(model):
    """Detectors that say where a head looks, on any tokens or by keys that are marked in prompts."""
    found = [detectors.load(name) for name in detectors.names()]
    return [
        detector
        for detector in found
        if isinstance(detector, PassDetector)
        and detector.family == "pattern"
        and (isinstance(detector, KeyDetector) or not isinstance(detector.recipe, Prompts))
        and (model.shape.is_causal or detector.for_encoders)
    ]


def repeated(lengths=None):
    """Repeated random tokens with marks of all kinds; at the end of shorter samples stand fillers."""
    generator = torch.Generator().manual_seed(0)
    half = torch.stack([3 + torch.randperm(93, generator=generator)[:HALF] for _ in range(N_SAMPLES)])
    tokens = torch.cat([half, half], dim=1)
    marks = {
        "is_delimiter": tokens % 5 == 0,
        "is_common": tokens % 3 == 0,
        "id_order": torch.full((N_SAMPLES, 1), -0.5),
        "is_code": torch.tensor([[False], [True]]),
    }
    return TokenBatch(tokens, lengths=lengths, marks=AnyMark(marks))


def whole_and_pairs(batch, chosen):
    """All samples with the detectors that read them, and two samples with the one that compares prose and code."""
    lengths = None if batch.lengths is None else batch.lengths[:2]
    pairs = [detector for detector in chosen if detector.name == "dormancy"]
    yield batch, [detector for detector in chosen if detector not in pairs]
    if pairs:
        yield replace(batch, tokens=batch.tokens[:2], lengths=lengths), pairs


def assert_between(found, lowest, highest, what, scale=1):
    assert torch.equal(found.isnan(), lowest.isnan()), what
    difference = float(torch.maximum(lowest - found, found - highest).nan_to_num().max()) / scale
    assert difference < ROUNDING, f"{what}: {difference:.2g}"


@pytest.fixture(params=[*DECODERS, *ENCODERS])
def model(request):
    """Each supported architecture in turn."""
    found = loaded(request.param)
    if isinstance(found, UnsupportedModelError):
        pytest.skip(str(found))
    return found


RAGGED = torch.tensor([LENGTH, LENGTH - 1, LENGTH - 2])


@pytest.mark.parametrize("lengths", [None, pytest.param(RAGGED, marks=pytest.mark.slow)], ids=["whole", "ragged"])
def test_scores_equal_those_of_eager_maps(model, lengths):
    whole = repeated(lengths)
    is_masked = lengths is not None and not model.shape.is_causal
    maps = eager_maps(model, whole.tokens, whole.is_real.long() if is_masked else None)
    layers = list(model.shape.attention_layers)
    for batch, chosen in whole_and_pairs(whole, pattern_detectors(model)):
        measured = measure(model, chosen, batch)
        for detector in chosen:
            read_outs, part = detector.read_outs(batch), maps[: len(batch.tokens)]
            wanted = {name: bounds(read_out, part, ROUNDING) for name, read_out in read_outs.items()}
            low, high = (
                detector.samples({name: pair[end] for name, pair in wanted.items()}, batch, model) for end in (0, 1)
            )
            found, scale = measured[detector.name], SCALES_OF_UNITS.get(detector.unit, 1)
            assert_between(found.scores[:, layers], low.scores, high.scores, detector.name, scale)
            null = found.null_scores[:, layers]
            assert_between(null, low.null_scores, high.null_scores, f"{detector.name}: null", scale)
            assert int(found.scores.isfinite().any(0).any(-1).sum()) <= len(layers)


def test_read_outs_with_left_padding_equal_those_of_eager_maps(model):
    batch = repeated()
    attention_mask = torch.ones_like(batch.tokens)
    attention_mask[0, :11] = 0
    named = {
        f"{detector.name}: {name}": of_real_queries(read_out, attention_mask > 0)
        for detector in pattern_detectors(model)
        if detector.name != "dormancy"  # reads what first_token does, on pairs
        for name, read_out in detector.read_outs(batch).items()
    }
    reader = PassReader(list(named.values()), model.shape.n_layers)
    with model.reading(reader):
        backbone(model.module)(batch.tokens, attention_mask=attention_mask)
    maps = eager_maps(model, batch.tokens, attention_mask)
    for number, (name, read_out) in enumerate(named.items()):
        found = reader.all_layers(number)[:, list(model.shape.attention_layers)]
        assert_between(found, *bounds(read_out, maps, ROUNDING), name, SCALES.get(type(read_out), 1))


def of_real_queries(read_out, is_real):
    """A read-out that leaves out the queries in front of a sample."""
    if hasattr(read_out, "key_positions"):
        return replace(read_out, key_positions=torch.where(is_real[..., None], read_out.key_positions, -1))
    if hasattr(read_out, "queries"):
        return replace(read_out, queries=read_out.queries & is_real)
    at = read_out.query_positions
    return replace(read_out, query_positions=torch.where(is_real.gather(1, at.clamp(min=0)), at, -1))


REFUSED = {"mamba", "rwkv"}
WITHOUT_PIECES = {"falcon_h1", "inkling2_text", "inkling_text"}
"""Decoders without attention maps, and the only streamed ones whose layers do not take pieces."""


@pytest.mark.parametrize("name", DECODERS)
def test_long_inputs_in_pieces_give_what_one_pass_does(name, monkeypatch):
    model = loaded(name)
    if isinstance(model, UnsupportedModelError):
        assert name in REFUSED
        return
    if pieces.why_whole(model) is not None:
        assert model.map_sources is not None or name in WITHOUT_PIECES
        assert pieces.cut(model, 10_000) == [slice(0, 10_000)]
        return
    batch = TokenBatch(repeated().tokens[:2, :45])
    queries = torch.ones(2, 45, dtype=torch.bool)
    previous = (torch.arange(45) - 1)[None, :, None].expand(2, -1, -1)
    wanted = [Entropy(queries), KeyMass(previous), Rows(torch.tensor([[44, 20], [-1, 3]]))]
    whole = read(model, batch, wanted)
    monkeypatch.setattr(pieces, "why_whole", lambda _: None)
    monkeypatch.setattr(pieces, "PIECE", 20)
    in_pieces = read(model, batch, wanted)
    for one, *readings in zip(wanted, whole, in_pieces, strict=True):
        rounding = ROUNDING * SCALES.get(type(one), 1)
        torch.testing.assert_close(*readings, rtol=0, atol=rounding, equal_nan=True)


@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma2", "gpt_oss", "falcon_h1"])
def test_every_pattern_detector_gives_the_same_in_pieces(name, monkeypatch):
    model = loaded(name)
    for batch, chosen in whole_and_pairs(repeated(), pattern_detectors(model)):
        whole = measure(model, chosen, batch)
        with monkeypatch.context() as patch:
            patch.setattr(pieces, "PIECE", 50)
            in_pieces = measure(model, chosen, batch)
        for detector in chosen:
            scale = SCALES_OF_UNITS.get(detector.unit, 1)
            for part in ("scores", "null_scores"):
                wanted = getattr(whole[detector.name], part)
                assert_between(
                    getattr(in_pieces[detector.name], part), wanted, wanted, f"{detector.name} {part}", scale
                )


def test_at_least_forty_architectures_are_supported_and_the_others_say_why():
    refused = [found for name in (*DECODERS, *ENCODERS) if isinstance(found := loaded(name), UnsupportedModelError)]
    assert len(DECODERS) + len(ENCODERS) - len(refused) >= 40
    assert all(re.search(r"attention|layer", str(error)) for error in refused)


def test_table_of_architectures_is_up_to_date():
    path = ROOT / "tests/tools/architectures.py"
    spec = importlib.util.spec_from_file_location("architectures_table", path)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    text = TABLE.read_text(encoding="utf-8")
    if f"transformers {transformers.__version__}" not in text:
        pytest.skip(f"the table was not made with transformers {transformers.__version__}")
    assert text == tool.page({name: loaded(name) for name in (*DECODERS, *ENCODERS)}), (
        "run: python tests/tools/architectures.py"
    )
