"""Static scores against behaviour, on models that are small or planted."""

import pytest
import torch

from catalog.ids import HeadName
from catalog.relations import Relation
from probes import load_model
from probes.adapters.base import backbone
from probes.errors import BadInputError
from probes.interventions import scaled_heads
from probes.relations.behaviour import check_relations
from probes.relations.carriers import carrier, chosen_pairs
from probes.relations.dynamic import count_dynamic
from probes.relations.knock_out import LastPosition
from probes.relations.measure import RelationSettings, measure_relations
from probes.relations.token_pairs import token_pairs
from probes.tiny.planted_tables import word_tokenizer

from ..conftest import make_tiny

WORDS = [f"w{number}" for number in range(1, 96)]


def relation(name="shifted", step=1, **others):
    pairs = {f"w{number}": [f"w{number + step}"] for number in range(1, 61)}
    return Relation(
        id=name, name=name, category="algorithmic", definition="A word after it.", licence="CC0-1.0", origin="Made up.",
        prompts=["w80 is {source}", "see {source} w81 then"], pairs=pairs, **others,
    )  # fmt: skip


@pytest.fixture(scope="module", params=["llama", "gpt2", "gemma2_softcap"])
def model(request):
    return load_model(make_tiny(request.param), tokenizer=word_tokenizer(WORDS), name=f"Tiny {request.param}")


def test_carrier_holds_the_source_at_one_place(model):
    pairs = token_pairs(relation(), model.tokenizer, 96)
    one = carrier(model, "see {source} w81 then", pairs)
    assert one.batch.tokens.shape == (60, 4)
    assert torch.equal(one.batch.tokens[:, one.source_pos], pairs.sources)
    assert one.batch.tokens[0].tolist() == model.tokenizer("see w1 w81 then")["input_ids"]


def test_pairs_that_a_text_shows_are_left_out(model):
    pairs = chosen_pairs(relation(), model, ["w3 gives w4, {source}"], 64, torch.Generator())
    assert len(pairs) == 58
    assert not {3, 4} & set(pairs.sources.tolist())
    assert len(chosen_pairs(relation(), model, ["{source}"], 10, torch.Generator())) == 10


def test_heads_off_at_the_last_position_equal_a_whole_pass(model):
    """Zeroing a head everywhere in the last layer, and reading the last position, does the same."""
    one = carrier(model, "w80 w81 w82 is {source}", token_pairs(relation(), model.tokenizer, 96))
    last = LastPosition(model, one)
    off = [HeadName(1, 0), HeadName(1, 2)]
    for heads in ([], off, []):
        with scaled_heads(model, dict.fromkeys(heads, 0.0)), torch.no_grad():
            wanted = model.module(one.batch.tokens).logits[:, -1]
        assert torch.allclose(last.logits(heads), wanted, atol=1e-4)
    right = (wanted.argmax(-1)[:, None] == one.accepted).any(1).double().mean()
    assert last.accuracy() == float(right)


def test_dynamic_counts_are_those_of_what_heads_write(model):
    pairs = token_pairs(relation(), model.tokenizer, 96)
    carriers = [carrier(model, text, pairs) for text in relation().prompts]
    counts = count_dynamic(model, carriers)
    inputs = []
    block = _blocks(model)[1]
    hook = block.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    with torch.no_grad():
        backbone(model.module)(carriers[1].batch.tokens)
    hook.remove()
    weights = model.weights.layer(1)
    values = weights.normed(inputs[0][:, carriers[1].source_pos].double().float()) @ weights.W_V[1] + weights.b_V[1]
    head = weights.n_groups + 0
    logits = values.double() @ weights.W_O[head].double() @ model.weights.W_U.double()
    own = logits.gather(1, pairs.accepted)
    others = logits.scatter(1, pairs.accepted, torch.nan)
    found = counts["without_context"]
    assert torch.equal(found.above[60:, 1, head].long(), (others >= own).sum(1).clamp(max=25))
    assert torch.equal(found.below[60:, 1, head].long(), (others <= own).sum(1).clamp(max=25))
    assert not torch.equal(found.above, counts["with_context"].above)


def _blocks(model):
    lists = [part for part in model.module.base_model.modules() if isinstance(part, torch.nn.ModuleList)]
    return next(part for part in lists if len(part) == model.shape.n_layers)


def test_attention_to_the_source_alone_needs_no_pinning():
    """A carrier of one token attends to nothing else, so context makes no difference."""
    model = load_model(make_tiny("llama"), tokenizer=word_tokenizer(WORDS), name="Tiny")
    pairs = token_pairs(relation(), model.tokenizer, 96)
    one = carrier(model, " {source}", pairs)
    counts = count_dynamic(model, [one])
    assert one.batch.tokens.shape == (60, 1)
    assert torch.equal(counts["with_context"].above, counts["without_context"].above)


def test_check_holds_scores_against_text_and_ablation(monkeypatch):
    model = load_model(make_tiny("llama"), tokenizer=word_tokenizer(WORDS), name="Tiny")
    monkeypatch.setattr("probes.relations.behaviour.HEADS_OFF", {300: 3})
    several = [
        relation("one", 1, completions=["w90 w91 {source}", "w92 {source} w93"]),
        relation("two", 2, completions=["w94 {source}"]),
        relation("three", 3),
    ]
    runs = measure_relations(model, several, RelationSettings(n_random=2), progress=False)
    checks = check_relations(model, several, runs, most_pairs=40, progress=False)
    assert [check.ablation is None for check in checks] == [False, False, True]
    first = checks[0]
    assert first.n_pairs == 40
    assert len(first.writes.with_context) == 2
    assert -1 <= first.writes.correlation_without_context <= 1
    assert len(first.ablation.accuracies) == len(first.ablation.heads) + 1
    assert len(first.ablation.random) == 5
    assert first.ablation.heads == [str(name) for name in runs[0].ranked()[: len(first.ablation.heads)]]
    assert checks == check_again(checks, model, several, runs)


def check_again(checks, model, several, runs):
    """The same once more; only when it was made differs."""
    again = check_relations(model, several, runs, most_pairs=40, progress=False)
    return [one.model_copy(update={"provenance": before.provenance}) for one, before in zip(again, checks, strict=True)]


def test_relation_that_is_not_defined_is_refused(model):
    runs = measure_relations(model, [relation()], RelationSettings(n_random=1, least_pairs=61), progress=False)
    with pytest.raises(BadInputError, match="shifted is not defined here: 60 pairs, 61 are needed"):
        check_relations(model, [relation()], runs)
