"""Prompts with injected instructions: the spans, the three versions, and tokenizers with a template of their own."""

import pytest

from probes import load_model
from probes.errors import BadInputError
from probes.recipes.injection import ATTACKS, INSTRUCTIONS, Injection
from probes.tiny.planted_tables import planted_by_token, word_tokenizer


def model_with(template):
    tokenizer = word_tokenizer(["the", "text", "."])
    tokenizer.chat_template = template
    return load_model(planted_by_token({}), tokenizer=tokenizer, name="Words")


def spans(prompt):
    return {name: prompt.text[slice(*span)] for name, span in prompt.spans.items()}


def test_versions_share_instruction_and_data_and_differ_in_what_comes_behind():
    plain, attacked, harmless = map(spans, Injection(n_samples=2).prompts(model_with(None))[:3])
    assert plain["instruction"] == attacked["instruction"] == harmless["instruction"] == INSTRUCTIONS[0]
    attack, filler = (part["data"].removeprefix(plain["data"] + " ") for part in (attacked, harmless))
    assert any(attack.startswith(known.split("{word}")[0]) for known in ATTACKS)
    assert abs(len(attack) - len(filler)) < 40
    assert not any(filler.startswith(known.split("{word}")[0]) for known in ATTACKS)


def test_without_a_template_the_prompt_is_plain_text():
    prompt = Injection(n_samples=2).prompts(model_with(None))[0]
    assert prompt.text == f"Instruction: {spans(prompt)['instruction']}\nText: {spans(prompt)['data']}\nAnswer:"


def test_template_of_the_tokenizer_is_used_up_to_the_answer():
    template = "{% for turn in messages %}<{{ turn.role }}>{{ turn.content }}{% endfor %}<answer>"
    prompt = Injection(n_samples=2).prompts(model_with(template))[0]
    assert prompt.text.startswith("<user>" + INSTRUCTIONS[0])
    assert prompt.text.endswith("<answer>")


def test_template_that_rewrites_the_instruction_is_refused():
    template = "{% for turn in messages %}{{ turn.content | upper }}{% endfor %}"
    with pytest.raises(BadInputError, match="changes the instruction"):
        Injection(n_samples=2).prompts(model_with(template))


def test_start_token_of_a_template_is_not_doubled(demo):
    batch = Injection(n_samples=2).batch(demo)
    start = demo.tokenizer.convert_tokens_to_ids("<|im_start|>")
    assert (batch.tokens[0] == start).nonzero().flatten().tolist()[0] == 0
    assert batch.tokens[0, 1] != start


def test_model_without_tokenizer_is_refused(tiny_llama):
    with pytest.raises(BadInputError, match="no tokenizer"):
        Injection().batch(tiny_llama)
