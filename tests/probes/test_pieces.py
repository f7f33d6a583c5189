"""Long inputs read piece by piece, against the same in one pass, which other tests compare with eager maps."""

from pathlib import Path

import pytest
import torch
import transformers
from accelerate import dispatch_model
from torch import nn

import probes
from probes import blocks, kernels, load_model, pieces
from probes.forward import read
from probes.inputs import TokenBatch
from probes.interventions import scaled_heads
from probes.readouts.distance import Distance
from probes.readouts.entropy import Entropy
from probes.readouts.even_attention import EvenAttention
from probes.readouts.final_residual import FinalResidual
from probes.readouts.head_output import HeadOutput
from probes.readouts.key_mass import KeyMass
from probes.readouts.largest_key import LargestIsChosen, LargestIsInSet
from probes.readouts.mean_output import MeanOutput
from probes.readouts.recent_mass import RecentMass
from probes.readouts.rows import Rows
from probes.readouts.set_mass import SetMass, SetMassAt
from probes.readouts.top_keys import TopKeys
from probes.readouts.value import Value
from probes.scoring import Scoring
from probes.tiny.architectures import tiny_model
from probes.tiny.transformer import TinyConfig, new_model

from .conftest import make_tiny

LENGTH = 40
PIECE = 13  # the last of four pieces is a single position
ROUNDING = 1e-5
KINDS = ["gpt2", "llama", "opt", "mistral_window", "gemma2_softcap", "gemma3_one_kv_head", "gpt_oss_sinks"]


def read_outs():
    """One of every kind; some samples have queries in some pieces only."""
    torch.manual_seed(2)
    queries = torch.rand(2, LENGTH) < 0.6
    queries[0, PIECE : 2 * PIECE] = False
    queries[1, : 2 * PIECE] = False
    sets = torch.rand(2, 11, LENGTH) < 0.3
    at = torch.tensor([[39, 12, -1], [20, 2, 33]])
    keys = torch.where(queries[..., None], torch.arange(LENGTH)[None, :, None] - torch.tensor([0, 3]), -1)
    return [
        SetMass(queries, sets),
        SetMassAt(at, sets),
        Entropy(queries),
        Distance(queries),
        RecentMass(queries, 4),
        EvenAttention(queries),
        KeyMass(keys),
        LargestIsChosen(keys),
        LargestIsInSet(queries, sets[:, 0]),
        Rows(at),
        TopKeys(at, 3),
        HeadOutput(at),
        Value(torch.tensor([[39, 12], [0, 25]])),
        MeanOutput(queries),
        FinalResidual(at.clamp(min=0)),
    ]


@pytest.fixture(scope="module", params=KINDS)
def model(request):
    """Each kind of layer in turn."""
    return load_model(make_tiny(request.param), name=request.param)


@pytest.fixture
def batch():
    """Two samples, the second of which is shorter."""
    tokens = torch.randint(4, 96, (2, LENGTH), generator=torch.Generator().manual_seed(0))
    return TokenBatch(tokens, lengths=torch.tensor([LENGTH, LENGTH - 3]))


def both_ways(model, batch, wanted, monkeypatch):
    """What is read in one pass, and in pieces."""
    whole = read(model, batch, wanted)
    monkeypatch.setattr(pieces, "PIECE", PIECE)
    assert len(pieces.cut(model, LENGTH)) == 4
    return whole, read(model, batch, wanted)


def test_every_read_out_gives_the_same(model, batch, monkeypatch):
    wanted = read_outs()
    for one, *readings in zip(wanted, *both_ways(model, batch, wanted, monkeypatch), strict=True):
        torch.testing.assert_close(*readings, rtol=ROUNDING, atol=ROUNDING, msg=lambda text, one=one: f"{one}: {text}")


def test_keys_that_are_read_without_blocks_give_the_same(model, batch, monkeypatch):
    keys = [one for one in read_outs() if isinstance(one, KeyMass)]
    whole, in_pieces = both_ways(model, batch, keys, monkeypatch)
    torch.testing.assert_close(whole, in_pieces, rtol=ROUNDING, atol=ROUNDING)


def test_keys_that_no_piece_shows_give_no_score(model, batch, monkeypatch):
    later = torch.full((2, LENGTH, 1), -1)
    later[:, 30] = 35
    for reading in both_ways(model, batch, [KeyMass(later), LargestIsChosen(later)], monkeypatch)[1]:
        assert reading.isnan().all()


def test_every_read_out_is_tried():
    files = {path.stem for path in (Path(probes.__file__).parent / "readouts").glob("*.py")}
    tried = {type(one).__module__.rpartition(".")[2] for one in read_outs()}
    assert files - tried == {"__init__", "base", "division", "chosen_keys", "entries"}


def test_layers_see_one_piece_at_a_time(tiny_llama, batch, monkeypatch):
    assert tiny_llama.weights  # proved on an input of their own
    lengths = []
    hook = tiny_llama.module.model.layers[1].mlp.register_forward_pre_hook(
        lambda _, inputs: lengths.append(inputs[0].shape[1])
    )
    monkeypatch.setattr(pieces, "why_whole", lambda _: None)  # the trial is no part of this
    monkeypatch.setattr(pieces, "PIECE", PIECE)
    read(tiny_llama, batch, read_outs())
    hook.remove()
    assert lengths == [13, 13, 13, 1]


def test_progress_moves_with_every_layer_of_every_piece(tiny_llama, batch, noting_bars, monkeypatch):
    monkeypatch.setattr(pieces, "PIECE", PIECE)
    read(tiny_llama, batch, read_outs(), progress=noting_bars)
    assert noting_bars.shown == [number * len(batch.tokens) / (2 * 4) for number in range(1, 2 * 4 + 1)]


def test_layers_that_accelerate_has_placed_give_the_same(batch, monkeypatch):
    module = make_tiny("mistral_window")
    places = dict.fromkeys(["model.embed_tokens", "model.layers.0", "model.layers.1", "model.norm", "lm_head"], "cpu")
    placed = dispatch_model(module, places | {"model.rotary_emb": "cpu"}, main_device="cpu", force_hooks=True)
    assert all("forward" in vars(layer) for layer in placed.model.layers)
    wanted = read_outs()
    readings = both_ways(load_model(placed, name="Placed"), batch, wanted, monkeypatch)
    torch.testing.assert_close(*readings, rtol=ROUNDING, atol=ROUNDING)


def test_short_inputs_are_read_at_once_and_nothing_is_tried(tiny_llama, monkeypatch):
    monkeypatch.setattr(pieces, "why_whole", None)
    assert pieces.cut(tiny_llama, pieces.PIECE) == [slice(0, pieces.PIECE)]


def test_pieces_are_the_whole_input(tiny_llama):
    whole = [position for piece in pieces.cut(tiny_llama, 5000) for position in range(5000)[piece]]
    assert whole == list(range(5000))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: tiny_model("bert"), "later keys"),
        (lambda: tiny_model("gptj"), "handed out whole"),
        (lambda: tiny_model("falcon_h1"), "do not take pieces: list index out of range"),
        (lambda: new_model(TinyConfig(vocab_size=20), seed=0).eval(), "do not take pieces: got an unexpected keyword"),
    ],
    ids=["encoder", "module hooks", "recurrent beside attention", "no cache"],
)
def test_models_that_cannot_be_read_in_pieces_are_read_at_once(make, words):
    model = load_model(make(), name="Tiny")
    assert words in pieces.why_whole(model)
    assert pieces.cut(model, 10_000) == [slice(0, 10_000)]


def test_models_whose_layers_lose_what_came_before_are_read_at_once(tiny_llama, monkeypatch):
    class Forgetful(transformers.DynamicCache):
        def update(self, key, value, *others):
            return key, value

    monkeypatch.setattr(pieces, "DynamicCache", Forgetful)
    assert "pieces change what it computes" in pieces.why_whole(tiny_llama)


def test_layers_are_left_as_they_were(tiny_llama):
    layers = tiny_llama.module.model.layers
    vars(layers[1])["forward"] = own = layers[1].forward  # as a sharded layer has
    with pieces.in_pieces(tiny_llama, pieces.TRIAL, print):
        assert all(isinstance(layer.forward, pieces._InPieces) for layer in layers)
    assert vars(layers[1]).pop("forward") is own
    assert "forward" not in vars(layers[0])


def test_models_whose_heads_are_changed_are_read_at_once(tiny_llama):
    with scaled_heads(tiny_llama, {"L1H2": 0.0}):
        tiny_llama.read(torch.arange(4, 9)[None])
        assert "are being changed" in pieces.why_whole(tiny_llama)
    assert pieces.why_whole(tiny_llama) is None


@pytest.mark.parametrize("n_queries", [1, 7])
@pytest.mark.parametrize("d_value", [8, 12])
def test_attention_behind_a_prefix_equals_that_of_one_mask(n_queries, d_value, monkeypatch):
    torch.manual_seed(0)
    query, key, value = torch.randn(2, 4, n_queries, 8), torch.randn(2, 2, 30, 8), torch.randn(2, 2, 30, d_value)
    first = 30 - n_queries
    seen = torch.ones(30, 30).tril().bool()[first:]
    grouped = (key.repeat_interleave(2, 1), value.repeat_interleave(2, 1))
    expected = nn.functional.scaled_dot_product_attention(query, *grouped, attn_mask=seen, scale=0.5)
    scoring = Scoring(None, is_causal=True, scale=0.5, first_query=first)
    monkeypatch.setattr(blocks, "BLOCK", 3)
    joined, of_blocks = kernels.attend(query, key, value, scoring), kernels.blockwise(query, key, value, scoring)
    for output, log_sum_exp in (joined, of_blocks):
        assert float((output - expected).abs().max()) < ROUNDING
        assert float((log_sum_exp - of_blocks[1]).abs().max()) < ROUNDING
