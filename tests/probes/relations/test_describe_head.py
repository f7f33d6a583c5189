"""What one head does, against whole maps in float64."""

import pytest
import torch
from torch.nn.functional import normalize

from catalog.ids import HeadName
from probes import load_model
from probes.errors import BadInputError, DescriberError
from probes.relations.describe_head import describe_head
from probes.relations.describers.local import LocalDescriber
from probes.relations.near_heads import map_cosines
from probes.relations.salient_tokens import salient_tokens
from probes.relations.source_vectors import MapOptions, source_vectors
from probes.tiny.planted import D_VOCAB
from probes.tiny.planted_circuits import COPIER, planted_circuits
from probes.tiny.planted_tables import word_tokenizer

from ..conftest import make_tiny

WORDS = [f"w{number}" for number in range(1, 96)]
OPTIONS = [MapOptions(), MapOptions(rows="raw", are_norms_folded=True)]


@pytest.fixture(scope="module")
def model():
    return load_model(make_tiny("llama"), tokenizer=word_tokenizer(WORDS), name="Tiny Llama")


def dense_map(model, name, vectors, options):
    """Values @ W_O as the unembedding reads it, and the logits, in float64."""
    weights, rows = model.weights.layer(name.layer), vectors.before(name.layer).double()
    if options.are_norms_folded:
        rows = rows * weights.input_norm.gain.double()
    written = rows @ weights.W_V[name.head // weights.n_groups].double() @ weights.W_O[name.head].double()
    if options.are_norms_folded:
        written = written * model.weights.final_norm.gain.double()
    return written, written @ model.weights.W_U.double()


@pytest.mark.parametrize("options", OPTIONS, ids=["published", "raw, norms"])
@pytest.mark.parametrize("name", [HeadName(0, 1), HeadName(1, 3)], ids=str)
def test_salient_tokens_are_those_of_the_whole_map(model, options, name):
    ids = torch.arange(1, 96)
    vectors = source_vectors(model, ids, options)
    written, logits = dense_map(model, name, vectors, options)
    saliency = written.norm(dim=1) / vectors.before(name.layer).double().norm(dim=1)
    found = salient_tokens(model, name, options, n_tokens=5, n_targets=3)
    order = saliency.argsort(descending=True)[:5]
    assert [one.token for one in found] == [WORDS[ids[place] - 1] for place in order]
    assert [one.saliency for one in found] == pytest.approx(saliency[order].tolist(), abs=1e-3)
    words = logits[:, ids]
    assert found[0].raised == [WORDS[ids[at] - 1] for at in words[order[0]].argsort(descending=True)[:3]]
    assert found[0].lowered == [WORDS[ids[at] - 1] for at in words[order[0]].argsort()[:3]]


@pytest.mark.parametrize("options", OPTIONS, ids=["published", "raw, norms"])
def test_cosines_are_those_of_whole_maps(model, options):
    ids = torch.arange(1, 96)
    vectors = source_vectors(model, ids, options)
    unit = type(vectors)(normalize(vectors.first.double()), normalize(vectors.later.double()))
    maps = {}
    for layer in range(2):
        for head in range(4):
            logits = dense_map(model, HeadName(layer, head), unit, options)[1]
            maps[layer, head] = (logits - logits.mean(1, keepdim=True)).flatten()
    found = map_cosines(model, HeadName(0, 1), options)
    for (layer, head), other in maps.items():
        wanted = torch.cosine_similarity(maps[0, 1], other, dim=0)
        assert float(found[layer, head]) == pytest.approx(float(wanted), abs=1e-4)
    assert float(found[0, 1]) == pytest.approx(1, abs=1e-5)


def test_planted_copier_raises_what_it_reads():
    words = [f"w{number}" for number in range(1, D_VOCAB)]
    module = planted_circuits(torch.arange(D_VOCAB).roll(-1))
    planted = load_model(module, tokenizer=word_tokenizer(words), name="Planted")
    record = describe_head(planted, COPIER, [], options=MapOptions(rows="raw"), progress=False)
    assert all(one.raised[0] == one.token for one in record.salient)
    assert record.description.text.startswith("No clear operation")
    assert not record.description.is_generated
    assert record.nearest[0].cosine < 1


def test_head_that_is_not_there_is_refused(model):
    with pytest.raises(BadInputError, match="L2H0: Tiny Llama has no such attention head; it has 2 layers of 4"):
        describe_head(model, HeadName(2, 0), [])


def test_model_without_tokenizer_is_refused(tiny_llama):
    with pytest.raises(BadInputError, match="no tokenizer"):
        describe_head(tiny_llama, HeadName(0, 0), [])
    with pytest.raises(BadInputError, match="no tokenizer"):
        LocalDescriber(tiny_llama)


def test_local_model_that_talks_nonsense_is_one_error(model):
    with pytest.raises(DescriberError, match="local model Tiny Llama: no JSON"):
        describe_head(model, HeadName(0, 0), [], describer=LocalDescriber(model), progress=False)


def test_local_model_is_named_with_its_prompt(model, monkeypatch):
    monkeypatch.setattr(LocalDescriber, "_answer", lambda self, prompt: '{"description": "Copies words."}')
    record = describe_head(model, HeadName(1, 0), [], describer=LocalDescriber(model), progress=False)
    assert (record.description.text, record.description.model) == ("Copies words.", "Tiny Llama")
    assert "Answer with JSON only" in record.description.prompt
