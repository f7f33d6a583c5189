"""Models that turn bad after they were loaded: a number format that is too narrow for a longer input, say."""

import pytest
import torch

from probes import load_model, run
from probes.errors import UnsupportedModelError
from probes.forward import read
from probes.inputs import TokenBatch
from probes.readouts.final_residual import FinalResidual
from probes.tiny.architectures import tiny_model

PLACES = {"llama": "layers.1.self_attn", "gptj": "h.1.attn"}
TOKENS = torch.arange(3, 23).expand(2, -1)


@pytest.mark.parametrize(("name", "value"), [("llama", "v_proj"), ("llama", "q_proj"), ("gptj", "q_proj")])
def test_attention_that_is_not_a_number_names_its_layer(name, value):
    """Streamed or by module hooks; broken values do not show in a map, so only the streamed call can tell of those."""
    model = load_model(tiny_model(name))
    damage(model.module.base_model.get_submodule(PLACES[name]).get_submodule(value).weight)
    with pytest.raises(UnsupportedModelError, match="layer 1: attention is not a number; try a wider number format"):
        run(model, "previous_token", tokens=TOKENS.tolist(), progress=False)


@pytest.mark.parametrize("name", ["llama", "gptj"])
def test_residual_that_is_not_a_number_is_said(name):
    model = load_model(tiny_model(name))
    model.weights  # noqa: B018  # read while the model is whole
    last = model.module.base_model.get_submodule(PLACES[name].rpartition(".")[0])
    damage(last.mlp.get_submodule("down_proj" if name == "llama" else "fc_out").weight)
    with pytest.raises(UnsupportedModelError, match="final residual is not a number"):
        read(model, TokenBatch(TOKENS), [FinalResidual(torch.zeros(2, 1, dtype=torch.int64))])


def damage(weight):
    with torch.no_grad():
        weight[0, 0] = torch.nan
