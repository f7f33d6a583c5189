"""Static scores against a dense float64 reference, on tiny models of many families and in every option."""

import copy
from dataclasses import replace

import pytest
import torch

from catalog.ids import HeadName
from probes import load_model
from probes.relations.source_vectors import MapOptions
from probes.relations.static import count_static
from probes.relations.token_pairs import TokenPairs
from probes.tiny.planted import D_VOCAB
from probes.tiny.planted_circuits import COPIER, SUCCESSOR_HEAD, SUPPRESSOR, planted_circuits

from ..conftest import make_tiny

OPTIONS = {
    "published": MapOptions(),
    "raw": MapOptions(rows="raw"),
    "residual": MapOptions(is_residual_added=True),
    "norms": MapOptions(are_norms_folded=True),
    "norms, raw": MapOptions(rows="raw", are_norms_folded=True),
    "norms, residual": MapOptions(is_residual_added=True, are_norms_folded=True),
}
N_LARGEST = 25


def gpt_oss_mlp(block, rows):
    """Its grouped experts cannot run in float64."""
    block = block.float()
    return block.mlp(block.post_attention_layernorm(rows.float())[:, None])[0][:, 0].double()


FIRST_MLP = {
    "llama": lambda block, rows: block.mlp(block.post_attention_layernorm(rows)),
    "llama_wide_heads": lambda block, rows: block.mlp(block.post_attention_layernorm(rows)),
    "mistral_window": lambda block, rows: block.mlp(block.post_attention_layernorm(rows)),
    "qwen3": lambda block, rows: block.mlp(block.post_attention_layernorm(rows)),
    "gpt2": lambda block, rows: block.mlp(block.ln_2(rows)),
    "gpt_neox": lambda block, rows: block.mlp(block.post_attention_layernorm(rows)),
    "phi": lambda block, rows: block.mlp(block.input_layernorm(rows)),
    "opt": lambda block, rows: block.fc2(block.activation_fn(block.fc1(block.final_layer_norm(rows)))),
    "olmo2": lambda block, rows: block.post_feedforward_layernorm(block.mlp(rows)),
    "gemma2_softcap": lambda block, rows: block.post_feedforward_layernorm(
        block.mlp(block.pre_feedforward_layernorm(rows))
    ),
    "gpt_oss_sinks": gpt_oss_mlp,
}
"""By family, the output of the first MLP as its paper or code has it; norms behind the MLP count as part of it."""


def relation(name, d_vocab, n_pairs, n_targets, seed):
    """Random pairs with up to so many right targets each."""
    generator = torch.Generator().manual_seed(seed)
    sources = torch.randperm(d_vocab, generator=generator)[:n_pairs]
    accepted = torch.stack([torch.randperm(d_vocab, generator=generator)[:n_targets] for _ in range(n_pairs)])
    accepted[::3, 1:] = -1
    return TokenPairs(name, sources, accepted, n_pairs)


def reference(model, pairs, options, first_mlp):
    """Whole float64 logits, shape (pair, layer, head, token)."""
    module = copy.deepcopy(model.module).double()
    embedding = module.get_input_embeddings()
    with torch.no_grad():
        raw = embedding(pairs.sources)
        if options.rows == "raw":
            later = raw
        else:
            written = first_mlp(_blocks(module)[0], raw)
            later = raw + written if options.is_residual_added else written
    W_U = model.weights.W_U.double()
    final = model.weights.final_norm
    if options.are_norms_folded:
        W_U = folded(final.gain.double(), final.is_centred) @ W_U
    logits = torch.empty(len(pairs), model.shape.n_layers, model.shape.n_heads, 96, dtype=torch.float64)
    for layer in range(model.shape.n_layers):
        weights = model.weights.layer(layer)
        for head in range(model.shape.n_heads):
            W_VO = weights.W_V[head // weights.n_groups].double() @ weights.W_O[head].double()
            if options.are_norms_folded:
                for norm, is_before in ((weights.input_norm, True), (weights.output_norm, False)):
                    if norm is not None:
                        fold = folded(norm.gain.double(), norm.is_centred)
                        W_VO = fold @ W_VO if is_before else W_VO @ fold
            logits[:, layer, head] = (raw if layer == 0 else later) @ W_VO @ W_U
    return logits


def folded(gain, is_centred):
    """The linear part of a norm as a matrix of row vectors."""
    size = len(gain)
    centring = torch.eye(size, dtype=gain.dtype) - (1 / size if is_centred else 0)
    return centring * gain


def beyond(logits, accepted, tolerance):
    """Tokens other than the right ones that stand at least as high as the best of those, up to a tolerance."""
    n_tokens = logits.shape[-1]
    is_right = (accepted[:, :, None] == torch.arange(n_tokens)).any(1)[:, None, None].expand_as(logits)
    best = logits.masked_fill(~is_right, -torch.inf).amax(-1, keepdim=True)
    slack = tolerance * logits.abs().amax(-1, keepdim=True)
    return ((logits >= best + slack) & ~is_right).sum(-1).clamp(max=N_LARGEST)


def assert_counts(found, logits, accepted):
    """Counts are those of the logits; where float32 cannot tell two logits apart, either is right."""
    least, most = (beyond(logits, accepted, tolerance) for tolerance in (1e-6, -1e-6))
    assert bool(((least <= found) & (found <= most)).all())
    assert float((least == most).double().mean()) > 0.99


def _blocks(module):
    lists = [part for part in module.base_model.modules() if isinstance(part, torch.nn.ModuleList)]
    return next(part for part in lists if len(part) == module.config.num_hidden_layers)


@pytest.mark.parametrize("name", FIRST_MLP)
def test_counts_equal_those_of_whole_float64_logits_in_every_option(name):
    model = load_model(make_tiny(name))
    several = [relation("one", 96, 40, 1, 0), relation("sets", 96, 35, 3, 1)]
    for options in OPTIONS.values():
        counts = count_static(model, several, options, n_random=1, first_stride=4)
        for pairs in several:
            logits = reference(model, pairs, options, FIRST_MLP[name])
            found = counts[pairs.relation].heads
            assert_counts(found.above, logits, pairs.accepted)
            assert_counts(found.below, -logits, pairs.accepted)


def test_strides_and_order_of_the_vocabulary_change_nothing(tiny_llama):
    pairs = relation("sets", 96, 35, 3, 1)
    wanted = count_static(tiny_llama, [pairs], MapOptions())["sets"]
    for stride in (1, 2, 32, 1024):
        found = count_static(tiny_llama, [pairs], MapOptions(), first_stride=stride)["sets"]
        assert torch.equal(found.heads.above, wanted.heads.above)
        assert torch.equal(found.later.random.below, wanted.later.random.below)
    order = torch.randperm(96, generator=torch.Generator().manual_seed(3))
    module = make_tiny("llama")
    with torch.no_grad():
        for table in (module.get_input_embeddings().weight, module.get_output_embeddings().weight):
            table.copy_(table[order])
    moved = order.argsort()
    accepted = torch.where(pairs.accepted >= 0, moved[pairs.accepted], -1)
    relabelled = replace(pairs, sources=moved[pairs.sources], accepted=accepted)
    found = count_static(load_model(module), [relabelled], MapOptions())["sets"]
    assert torch.equal(found.heads.above, wanted.heads.above)
    assert torch.equal(found.heads.below, wanted.heads.below)


def changed(change):
    module = make_tiny("llama")
    with torch.no_grad():
        for block in module.model.layers:
            change(block.self_attn)
    return load_model(module)


def test_sign_of_the_output_swaps_the_ends_and_its_size_changes_nothing(tiny_llama):
    pairs = relation("one", 96, 40, 1, 0)
    wanted = count_static(tiny_llama, [pairs], MapOptions())["one"].heads
    negated = changed(lambda attention: attention.o_proj.weight.neg_())
    found = count_static(negated, [pairs], MapOptions())["one"].heads
    assert torch.equal(found.above, wanted.below)
    assert torch.equal(found.below, wanted.above)
    larger = changed(lambda attention: attention.o_proj.weight.mul_(8))
    found = count_static(larger, [pairs], MapOptions())["one"].heads
    assert torch.equal(found.above, wanted.above)


def test_equal_query_heads_of_a_group_have_equal_counts():
    def copy_first(attention):
        attention.o_proj.weight[:, 8:16] = attention.o_proj.weight[:, :8]

    counts = count_static(changed(copy_first), [relation("one", 96, 40, 1, 0)], MapOptions())["one"].heads
    assert torch.equal(counts.above[..., 0], counts.above[..., 1])
    assert not torch.equal(counts.above[..., 0], counts.above[..., 2])


def test_planted_heads_are_found_and_heads_without_weights_never_hit():
    successors = torch.arange(D_VOCAB).roll(-1)
    model = load_model(planted_circuits(successors))
    tokens = torch.arange(D_VOCAB)
    both = [
        TokenPairs("copying", tokens, tokens[:, None], D_VOCAB),
        TokenPairs("next", tokens, successors[:, None], 64),
    ]
    counts = count_static(model, both, MapOptions(rows="raw"))
    shares = {name: (one.heads.above < 1).double().mean(0) for name, one in counts.items()}
    assert set(heads(shares["copying"] == 1)) == {COPIER}
    assert set(heads(shares["next"] == 1)) == {SUCCESSOR_HEAD}
    assert set(heads((counts["copying"].heads.below < 1).double().mean(0) == 1)) == {SUPPRESSOR}
    assert float(shares["copying"][0].max()) == 0


def heads(mask):
    return [HeadName(layer, head) for layer, head in mask.nonzero().tolist()]


def test_without_a_head_a_row_goes_straight_to_the_unembedding():
    tokens = torch.arange(96)
    module = make_tiny("llama")
    with torch.no_grad():
        module.get_output_embeddings().weight.copy_(module.get_input_embeddings().weight)
    counts = count_static(load_model(module), [TokenPairs("copying", tokens, tokens[:, None], 96)], MapOptions())
    baseline = counts["copying"]
    assert float((baseline.first.no_head.above < 1).double().mean()) > 0.9
    assert float((baseline.later.no_head.above < 1).double().mean()) < 0.1
