import pytest
import torch
from torch.func import functional_call, stack_module_state, vmap

from probes import load_model
from probes.errors import BadInputError
from probes.tiny.transformer import TinyConfig, new_model

KINDS = {
    "attention-only": {},
    "learned": {"positions": "learned", "num_hidden_layers": 2, "has_norms": True, "has_biases": True},
    "rotary": {"positions": "rotary", "num_hidden_layers": 2, "intermediate_size": 24, "has_norms": True},
    "no-residual": {"has_residual": False},
}


def tokens_of(config, *, n=3, length=9):
    generator = torch.Generator().manual_seed(1)
    return torch.randint(config.vocab_size, (n, length), generator=generator)


@pytest.mark.parametrize("kind", KINDS)
def test_saved_folder_loads_like_any_model_and_gives_the_same_logits(kind, tmp_path, capfd):
    config = TinyConfig(hidden_size=16, num_attention_heads=2, **KINDS[kind])
    model = new_model(config, 0)
    model.save_pretrained(tmp_path)
    loaded = load_model(tmp_path)
    tokens = tokens_of(config)
    assert torch.equal(loaded.module(tokens).logits, model(tokens).logits)
    assert (loaded.shape.n_layers, loaded.shape.n_heads, loaded.shape.d_head) == (config.num_hidden_layers, 2, 8)
    assert loaded.shape.is_causal


def test_logits_are_written_out_by_hand_for_one_layer():
    model = new_model(TinyConfig(hidden_size=8, num_attention_heads=2), 3)
    tokens = tokens_of(model.config, n=2, length=5)
    layer, resid = model.model.layers[0].attention, model.model.embed_tokens.weight[tokens]
    total = resid
    for head in range(2):
        rows = slice(4 * head, 4 * head + 4)
        query, key, value = (resid @ part.weight[rows].T for part in (layer.q_proj, layer.k_proj, layer.v_proj))
        scores = query @ key.transpose(1, 2) / 2
        pattern = scores.masked_fill(torch.ones(5, 5).triu(1).bool(), -torch.inf).softmax(-1)
        total = total + pattern @ value @ layer.o_proj.weight[:, rows].T
    wanted = total @ model.lm_head.weight.T + model.lm_head.bias
    assert torch.allclose(model(tokens).logits, wanted, atol=1e-5)  # float32, two orders of summation


@pytest.mark.parametrize("kind", KINDS)
def test_no_position_sees_a_later_token(kind):
    model = new_model(TinyConfig(hidden_size=16, num_attention_heads=2, **KINDS[kind]), 0)
    tokens = tokens_of(model.config)
    changed = tokens.clone()
    changed[:, -1] = (changed[:, -1] + 1) % model.config.vocab_size
    assert torch.equal(model(tokens).logits[:, :-1], model(changed).logits[:, :-1])


def test_without_positions_the_last_logits_do_not_depend_on_the_order():
    model = new_model(TinyConfig(), 0)
    tokens = tokens_of(model.config)
    moved = torch.cat([tokens[:, :-1].flip(1), tokens[:, -1:]], dim=1)
    assert torch.allclose(model(tokens).logits[:, -1], model(moved).logits[:, -1], atol=1e-5)  # sums in another order


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_with_positions_the_last_logits_depend_on_the_order(positions):
    model = new_model(TinyConfig(positions=positions, embedding_std=3.0), 0)
    tokens = torch.tensor([[0, 1, 2, 3, 4]])
    moved = torch.tensor([[3, 2, 1, 0, 4]])
    assert not torch.allclose(model(tokens).logits[:, -1], model(moved).logits[:, -1], atol=1e-3)


def test_readouts_stand_side_by_side_and_the_last_one_gives_the_logits():
    model = new_model(TinyConfig(n_readouts=3), 0)
    output = model(tokens_of(model.config))
    assert output.readouts.shape == (3, 9, 3, 8)
    assert torch.equal(output.readouts[:, :, 2], output.logits)
    assert not torch.equal(output.readouts[:, :, 0], output.logits)


@pytest.mark.parametrize("kind", KINDS)
def test_stacked_parameters_give_what_each_model_gives(kind):
    config = TinyConfig(hidden_size=16, num_attention_heads=2, **KINDS[kind])
    models = [new_model(config, seed) for seed in range(3)]
    tokens = torch.stack([tokens_of(config), tokens_of(config).flip(0), tokens_of(config).flip(1)])
    parameters, _ = stack_module_state(models)
    stacked = vmap(lambda own, given: functional_call(models[0], own, (given,)).logits)(parameters, tokens)
    for number, model in enumerate(models):
        assert torch.allclose(stacked[number], model(tokens[number]).logits, atol=1e-5)  # batched matrix products


def test_same_seed_gives_the_same_weights_and_leaves_the_callers_randomness_alone():
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    one, other = (new_model(TinyConfig(), 1).state_dict() for _ in range(2))
    assert torch.equal(torch.rand(1), wanted)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_layers_may_differ_in_their_heads():
    model = new_model(TinyConfig(num_hidden_layers=2, heads_per_layer=[1, 4]), 0)
    assert [pattern.shape[1] for pattern in model(tokens_of(model.config)).attentions] == [1, 4]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_attention_heads": 5}, "5 heads do not divide the width 64; choose one of 1, 2, 4, 8, 16, 32, 64"),
        ({"num_hidden_layers": 2, "heads_per_layer": [4]}, "heads are given for 1 layers, the model has 2"),
        ({"positions": "rotary", "num_attention_heads": 64}, "heads of even width, not 1"),
    ],
    ids=["width", "layers", "rotary"],
)
def test_impossible_heads_are_refused_with_a_way_out(settings, message):
    with pytest.raises(BadInputError, match=message):
        TinyConfig(**settings)
