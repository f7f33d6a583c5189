"""What detectors on indirect-object prompts share, against what tiny random models compute themselves."""

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from probes import load_model, run
from probes.attention import attention_implementation
from probes.circuits.direct_effects import direct_effects
from probes.detectors import load
from probes.forward import read
from probes.indirect_object import answer_direction, random_direction, task_notes
from probes.measure import measure
from probes.readouts.final_residual import FinalResidual
from probes.readouts.head_output import HeadOutput
from probes.recipes.indirect_object import IndirectObject
from probes.tiny.planted_names import names_tokenizer

TOKENIZER = names_tokenizer()
N_SAMPLES = 32
PATTERNS = ["duplicate_name", "induction_name", "previous_name", "s_inhibition"]
EFFECTS = ["name_mover", "negative_name_mover"]


def gpt2():
    return GPT2LMHeadModel(GPT2Config(vocab_size=len(TOKENIZER), n_positions=64, n_embd=32, n_layer=3, n_head=4))


def llama():
    sizes = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 3}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=len(TOKENIZER), **sizes, **heads))


@pytest.fixture(scope="module", params=[gpt2, llama], ids=lambda make: make.__name__)
def model(request):
    torch.manual_seed(0)
    module = request.param().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return load_model(module, tokenizer=TOKENIZER, name="Random")


@pytest.fixture(scope="module")
def batch(model):
    return IndirectObject(n_samples=N_SAMPLES).batch(model)


@pytest.fixture(scope="module")
def logit_differences(model, batch):
    """IO less S at END, from the model's own logits."""
    with torch.no_grad():
        logits = model.module(batch.tokens).logits
    sample = torch.arange(N_SAMPLES)
    at_end = logits[sample, batch.marks["END"][:, 0]]
    io, s = (batch.tokens[sample, batch.marks[name][:, 0]] for name in ("IO", "S2"))
    return at_end[sample, io] - at_end[sample, s]


def parts_that_are_no_heads(model, batch):
    """Sum of the embedding, the feed-forward outputs and the biases of the output projections, at END."""
    taken = []
    blocks = model.module.transformer.h if hasattr(model.module, "transformer") else model.module.model.layers
    hooks = [block.mlp.register_forward_hook(lambda _, args, output: taken.append(output)) for block in blocks]
    with torch.no_grad():
        embedding = model.module(batch.tokens, output_hidden_states=True).hidden_states[0]
    for hook in hooks:
        hook.remove()
    biases = sum(model.weights.layer(layer).b_O for layer in range(3))
    return (embedding + sum(taken))[torch.arange(N_SAMPLES), batch.marks["END"][:, 0]] + biases


def test_effects_of_all_heads_and_of_the_rest_add_up_to_the_logit_difference(model, batch, logit_differences):
    end = batch.marks["END"]
    z, residual = read(model, batch, [HeadOutput(end), FinalResidual(end)])
    direction = answer_direction(model, batch)
    heads = direct_effects(model.weights, z, residual, direction)[..., 0].sum((1, 2))
    norm = model.weights.final_norm
    rest = norm.linear(parts_that_are_no_heads(model, batch), norm.scale(residual[:, 0])) + norm.bias
    together = heads + (rest * direction[:, 0]).sum(-1)
    assert torch.allclose(together, logit_differences, rtol=1e-3, atol=1e-3)
    assert float(heads.abs().max()) > 0.1


def test_notes_tell_how_the_model_does_the_task(model, batch, logit_differences):
    (residual,) = read(model, batch, [FinalResidual(batch.marks["END"])])
    notes = task_notes(model, batch, residual)
    assert notes["task_accuracy"] == pytest.approx(float((logit_differences > 0).float().mean()), abs=1e-4)
    assert notes["mean_logit_difference"] == pytest.approx(float(logit_differences.mean()), abs=1e-3)
    assert notes["n_names"] == 24
    assert not notes["solves_task"]


def test_null_direction_is_that_of_two_different_names_that_are_not_mentioned(model, batch):
    drawn = random_direction(model, batch, torch.Generator().manual_seed(0))[:, 0]
    unembedding = model.weights.direction(batch.marks["other_names"])
    pairs = unembedding[:, :, None] - unembedding[:, None]
    distances = (pairs - drawn[:, None, None]).abs().amax(-1)
    distances.diagonal(dim1=1, dim2=2).fill_(torch.inf)
    assert float(distances.flatten(1).amin(1).max()) < 1e-5


@pytest.fixture(scope="module")
def eager_maps(model, batch):
    with attention_implementation(model.module, "eager"), torch.no_grad():
        maps = model.module(batch.tokens, output_attentions=True, use_cache=False).attentions
    return torch.stack(maps, dim=1)


def attention(maps, batch, query, key):
    sample = torch.arange(N_SAMPLES)
    return maps[sample, :, :, batch.marks[query][:, 0], batch.marks[key][:, 0]]


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_are_entries_of_the_eager_maps(model, batch, eager_maps, name):
    detector = load(name)
    samples = measure(model, [detector], batch)[name]
    expected = attention(eager_maps, batch, detector.query, detector.key)
    assert torch.allclose(samples.scores.float(), expected, atol=1e-5)
    if detector.null_key:
        expected = attention(eager_maps, batch, detector.query, detector.null_key)
        assert torch.allclose(samples.null_scores.float(), expected, atol=1e-5)
    assert "task_accuracy" in samples.notes


@pytest.mark.parametrize("name", EFFECTS)
def test_effects_count_where_the_head_looks_at_io_rather_than_at_s(model, batch, eager_maps, name):
    samples = measure(model, [load(name)], batch)[name]
    end = batch.marks["END"]
    z, residual = read(model, batch, [HeadOutput(end), FinalResidual(end)])
    effects = direct_effects(model.weights, z, residual, answer_direction(model, batch))[..., 0]
    to_s = attention(eager_maps, batch, "END", "S1") + attention(eager_maps, batch, "END", "S2")
    looks_at_io = attention(eager_maps, batch, "END", "IO") > to_s
    sign = 1 if name == "name_mover" else -1
    assert torch.allclose(samples.scores.float(), sign * effects * looks_at_io, atol=1e-4)
    assert 0 < float(looks_at_io.float().mean()) < 1


def test_random_models_have_no_head_of_any_of_these_types(model):
    found = run(model, [*PATTERNS, *EFFECTS, "name_mover_copying"], n_samples=N_SAMPLES, progress=False)
    assert [name for name, scores in found.items() if scores.run.called()] == []
