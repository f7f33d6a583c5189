"""Encoders, whose tokens attend to later ones too: pattern detectors run, the others say why not."""

import pytest
import torch
import transformers

from probes import load_model, run
from probes.attention import attention_implementation
from probes.detectors import load
from probes.errors import BadInputError, UnsupportedModelError
from probes.forward import read
from probes.inputs import TokenBatch
from probes.recipes.repeated_tokens import RepeatedTokens

ENCODERS = {
    "bert": transformers.BertForMaskedLM,
    "roberta": transformers.RobertaForMaskedLM,
    "electra": transformers.ElectraForMaskedLM,
}


@pytest.fixture(scope="module", params=sorted(ENCODERS))
def encoder(request):
    torch.manual_seed(0)
    kind = ENCODERS[request.param]
    config = kind.config_class(
        vocab_size=96,
        hidden_size=32,
        embedding_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=128,
    )
    module = kind(config).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return load_model(module, name=f"Tiny {request.param}")


def eager_maps(model, **inputs):
    with attention_implementation(model.module, "eager"), torch.no_grad():
        return torch.stack(model.module.base_model(**inputs, output_attentions=True).attentions, dim=1)


def test_scores_equal_eager_maps(encoder):
    batch = RepeatedTokens(half_length=9, n_samples=3).batch(encoder)
    expected = eager_maps(encoder, input_ids=batch.tokens).diagonal(-1, 3, 4).mean(-1).mean(0)
    found = run(encoder, "previous_token", half_length=9, n_samples=3, progress=False)["previous_token"]
    assert torch.allclose(torch.tensor(found.run.scores), expected, atol=1e-5)


def test_shorter_samples_see_nothing_of_what_fills_them_up(encoder):
    tokens = torch.randint(4, 90, (2, 12), generator=torch.Generator().manual_seed(0))
    batch = TokenBatch(tokens, lengths=torch.tensor([12, 7]))
    expected = eager_maps(encoder, input_ids=tokens, attention_mask=batch.is_real.long())[1, :, :, :7].diagonal(
        -1, 2, 3
    )
    (masses,) = read(encoder, batch, [load("previous_token").read_outs(batch)["scores"]])
    assert torch.allclose(masses[1].float(), expected[..., :6].mean(-1), atol=1e-5)


def test_detectors_of_decoders_are_left_out_or_refused(encoder):
    assert "induction" not in run(encoder, "all", half_length=9, n_samples=3, progress=False)
    with pytest.raises(BadInputError, match="only makes sense for decoders"):
        run(encoder, "induction", progress=False)


def test_weights_of_an_encoder_are_refused(encoder):
    with pytest.raises(UnsupportedModelError, match="language head"):
        _ = encoder.weights
