"""Detectors of every kind on one model: who shares a pass, who reads what, which heads have no score."""

from dataclasses import dataclass

import pytest
import torch
import transformers

from probes import detectors, load_model, run
from probes.detectors.base import KeySetDetector, PassDetector, Samples, WeightDetector
from probes.errors import BadInputError
from probes.inputs import keys_of_queries
from probes.readouts.entropy import Entropy
from probes.readouts.key_mass import KeyMass
from probes.recipes.prompts import Prompt, Prompts
from probes.recipes.repeated_tokens import RepeatedTokens


class CharTokenizer:
    """Invented tokenizer: one token a character, with a start token in front."""

    is_fast = True
    bos_token_id = 1
    all_special_ids = (1,)

    def __call__(self, text, return_offsets_mapping=False):
        encoded = {"input_ids": [1, *(ord(letter) % 90 + 2 for letter in text)]}
        if return_offsets_mapping:
            encoded["offset_mapping"] = [(0, 0), *((at, at + 1) for at in range(len(text)))]
        return encoded

    def get_vocab(self):
        return {str(number): number for number in range(96)}

    def get_added_vocab(self):
        return {}


@dataclass(frozen=True)
class Greetings(Prompts):
    """Prompts of different lengths."""

    def prompts(self, model):
        names = ["Ann", "Robert"] * (self.n_samples // 2)
        return [Prompt(f"dear {name}!", {"name": (5, 5 + len(name))}) for name in names]

    def describe(self):
        return "greetings"


class LastToName(PassDetector):
    name = head_type = "last_to_name"
    recipe = Greetings(n_samples=4)
    threshold = 0.5
    threshold_source = "none"

    def read_outs(self, batch):
        keys = keys_of_queries(batch, batch.last, batch.marks["name"][:, 0])
        other = keys_of_queries(batch, batch.last, torch.zeros_like(batch.last))
        return {"name": KeyMass(keys), "start": KeyMass(other)}

    def samples(self, readings, batch, model):
        return Samples(readings["name"], readings["start"], {"accuracy": 0.5})


class Evens(KeySetDetector):
    name = head_type = "evens"
    recipe = RepeatedTokens()
    threshold = 0.5
    threshold_source = "none"

    def key_set(self, batch):
        return batch.tokens % 2 == 0


class Spread(PassDetector):
    name = head_type = "spread"
    recipe = RepeatedTokens()
    unit = "bits"
    value_range = (0.0, float("inf"))
    threshold = 2.0
    threshold_source = "none"

    def read_outs(self, batch):
        return {"entropy": Entropy(batch.is_real)}

    def samples(self, readings, batch, model):
        bits = readings["entropy"] / torch.tensor(2.0).log()
        return Samples(bits, torch.zeros_like(bits))


class Size(WeightDetector):
    name = head_type = "size"
    inputs = "output weights, by half of the residual stream"
    unit = "norm"
    threshold = 100.0
    threshold_source = "none"

    def samples(self, model, seed):
        halves = [model.weights.layer(layer).W_O.chunk(2, dim=2) for layer in range(model.shape.n_layers)]
        sizes = torch.stack([torch.stack([half.norm(dim=(1, 2)) for half in layer]) for layer in halves], dim=1)
        return Samples(sizes, sizes * 0.5)


OWN = {detector.name: detector for detector in (LastToName(), Evens(), Spread(), Size())}


@pytest.fixture(autouse=True)
def own_detectors(monkeypatch):
    monkeypatch.setattr(detectors, "names", lambda: sorted(OWN))
    monkeypatch.setattr(detectors, "load", lambda name: OWN[name])
    monkeypatch.setattr("probes.provenance.code_sha256", lambda name: "0" * 64)


@pytest.fixture
def model(tiny_llama):
    return load_model(tiny_llama.module, tokenizer=CharTokenizer(), name="Tiny Llama")


def test_all_kinds_run_together_and_equal_inputs_share_a_pass(model, monkeypatch):
    passes = []
    read = type(model).read

    def counted(self, tokens, is_real=None):
        passes.append(tuple(tokens.shape))
        return read(self, tokens, is_real)

    monkeypatch.setattr(type(model), "read", counted)
    results = run(model, "all", half_length=8, n_samples=4, progress=False)
    assert list(results) == sorted(OWN)
    assert sorted(passes) == [(4, 13), (4, 17)]
    frame = results.to_frame()
    assert len(frame) == 4 * 8
    assert set(frame["unit"]) == {"probability", "bits", "norm"}
    assert frame.groupby("detector")["rank"].min().eq(1).all()
    assert frame.groupby("detector")["percentile"].max().eq(100).all()
    assert results["last_to_name"].run.notes == {"accuracy": 0.5}
    assert results["size"].run.family == "weight"


def test_prompts_of_different_lengths_score_as_each_alone(model):
    both = LastToName.recipe.batch(model)
    assert both.last.tolist() == [9, 12, 9, 12]
    assert both.marks["name"].tolist()[:2] == [[6, 7, 8, -1, -1, -1], [6, 7, 8, 9, 10, 11]]
    run_of_both = run(model, "last_to_name", n_samples=4, progress=False)["last_to_name"].run
    rows = []
    with torch.no_grad():
        from probes.attention import attention_implementation

        with attention_implementation(model.module, "eager"):
            for tokens, last in zip(both.tokens, both.last, strict=True):
                maps = model.module.base_model(tokens[None, : last + 1], output_attentions=True).attentions
                rows.append(torch.stack([layer[0, :, last, 6] for layer in maps]))
    assert torch.allclose(torch.tensor(run_of_both.scores), torch.stack(rows).mean(0), atol=1e-5)


def test_own_tokens_replace_what_can_be_replaced(model):
    tokens = [[4, 5, 4, 5], [6, 7, 6, 7]]
    assert set(run(model, tokens=tokens, progress=False)) == {"evens", "spread", "size"}
    with pytest.raises(BadInputError, match=r"last_to_name.*prompts of its own"):
        run(model, "last_to_name", tokens=tokens, progress=False)


def test_null_of_a_key_set_is_a_set_of_its_size(model):
    batch = RepeatedTokens(half_length=8, n_samples=4).batch(model)
    sets = OWN["evens"].read_outs(batch)["masses"].sets
    assert torch.equal(sets[:, 0], batch.tokens % 2 == 0)
    assert not (sets[:, 0] & sets[:, 1]).any()
    expected = torch.minimum(sets[:, 0].sum(1), (~sets[:, 0]).sum(1))
    assert torch.equal(sets[:, 1].sum(1), expected)


def test_heads_of_layers_without_attention_are_absent(tmp_path):
    config = transformers.Lfm2Config(
        vocab_size=96,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        layer_types=["conv", "full_attention"],
        conv_L_cache=3,
    )
    torch.manual_seed(0)
    hybrid = load_model(transformers.Lfm2ForCausalLM(config), name="Tiny hybrid")
    scores = run(hybrid, "evens", half_length=8, n_samples=3, progress=False)["evens"]
    assert scores.run.scores[0] == [None] * 4
    assert [name.layer for name in scores.run.ranked()] == [1] * 4
    assert len(scores.to_frame()) == 4
    assert "L0H1" not in scores.plot().svg
    with pytest.raises(KeyError, match="L0H1 has no score"):
        _ = scores["L0H1"]
    path, _ = scores.save(tmp_path)
    assert type(scores).load(path) == scores


def test_window_that_reaches_no_key_leaves_its_layer_out():
    from .conftest import make_tiny

    windowed = load_model(make_tiny("gemma3_one_kv_head"), name="Tiny window")
    import probes.detectors.induction as induction

    OWN["induction"] = induction.DETECTOR
    scores = run(windowed, "induction", half_length=20, n_samples=3, progress=False)["induction"].run
    del OWN["induction"]
    assert {name.layer for name in scores.heads()} == {1}
