import pytest
import torch

from probes.experiments._counting.heads import head_facts
from probes.experiments._counting.readings import margin, read
from probes.tiny.tasks.counting import BOS, NO, ONE, SEP, TWO, YES, ZERO, Counting
from probes.tiny.transformer import TinyConfig, new_model

TASK = Counting(shortest=3, longest=6, n_evaluated=20)
READ = (BOS, ZERO, ONE, TWO, SEP)


def model_of(**others):
    return new_model(TinyConfig(hidden_size=16, num_attention_heads=4, embedding_std=2.0, **others), 0)


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():
        yield


@pytest.mark.parametrize("others", [{}, {"positions": "learned"}, {"has_residual": False}], ids=str)
def test_heads_and_direct_path_sum_to_the_logits(others):
    model, batches = model_of(**others), TASK.evaluation()
    readings = read(model, batches)
    wanted = torch.cat([model(batch.tokens).logits[:, -2:] for batch in batches])
    assert torch.allclose(readings.direct + readings.heads.sum(2), wanted, atol=1e-4)  # float32, sums in another order
    rows = torch.cat([(rows.pattern * rows.values).sum(-1) for rows in readings.rows])
    assert torch.allclose(rows, readings.margins, atol=1e-4)


def test_margin_of_a_head_is_the_closed_form_of_five_numbers():
    """m_h = sum_c u_c n_c a_c / sum_c u_c n_c, with u_c = exp(score of SEP and c) and n_c how often c occurs."""
    model, batches = model_of(), TASK.evaluation()
    layer, embedding = model.model.layers[0].attention, model.model.embed_tokens.weight
    direction = model.lm_head.weight[YES] - model.lm_head.weight[NO]
    counts = torch.cat([torch.stack([(b.tokens[:, :-1] == c).sum(1) for c in READ], 1) for b in batches]).double()
    margins = read(model, batches).margins
    for head in range(4):
        part = slice(4 * head, 4 * head + 4)
        W_Q, W_K, W_V = (p.weight[part].double() for p in (layer.q_proj, layer.k_proj, layer.v_proj))
        W_O = layer.o_proj.weight[:, part].double()
        tokens = embedding[list(READ)].double()
        u = ((W_K @ tokens.T).T @ (W_Q @ embedding[SEP].double()) / 2).exp()
        a = (tokens @ W_V.T @ W_O.T) @ direction.double()
        closed = (counts * u * a).sum(1) / (counts * u).sum(1)
        assert torch.allclose(closed, margins[:, head].double(), atol=1e-4)


def test_noted_weights_and_values_are_those_of_the_closed_form():
    model = model_of()
    layer, embedding = model.model.layers[0].attention, model.model.embed_tokens.weight
    noted = head_facts(read(model, TASK.evaluation()))
    for head, facts in enumerate(noted):
        part = slice(4 * head, 4 * head + 4)
        query = layer.q_proj.weight[part] @ embedding[SEP]
        zero, one, two = ((layer.k_proj.weight[part] @ embedding[c]) @ query / 2 for c in (ZERO, ONE, TWO))
        assert facts["log_w_01"] == pytest.approx(float(one - zero), abs=1e-4)
        assert facts["log_w_02"] == pytest.approx(float(two - (zero.exp() + one.exp()).div(2).log()), abs=1e-4)
        value = layer.o_proj.weight[:, part] @ layer.v_proj.weight[part] @ embedding[ONE]
        assert facts["values"]["1"] == pytest.approx(float(margin(value @ model.lm_head.weight.T)), abs=1e-4)
