"""The planted head attends as its table says, and the tokenizer gives a word its token."""

import torch

from probes.tiny.planted_tables import TABLE_HEAD, planted_by_position, planted_by_token, word_tokenizer

TOKENS = torch.tensor([[5, 6, 7, 6, 8, 9]])


def pattern(model):
    model.set_attn_implementation("eager")
    with torch.inference_mode():
        return model(TOKENS, output_attentions=True).attentions[0][0]


def test_head_shares_its_attention_between_the_tokens_of_the_highest_score():
    row = pattern(planted_by_token({6: 20.0, 8: 10.0}))[TABLE_HEAD.head, 5]
    torch.testing.assert_close(row[[1, 3]], torch.tensor([0.5, 0.5]), atol=1e-3, rtol=0)


def test_head_attends_to_the_position_chosen_for_a_query():
    maps = pattern(planted_by_position({5: 2}))
    assert maps[TABLE_HEAD.head, 5, 2] > 0.99
    torch.testing.assert_close(maps[TABLE_HEAD.head, 4, :5], torch.full((5,), 0.2), atol=0.02, rtol=0)
    torch.testing.assert_close(maps[0, 5], torch.full((6,), 1 / 6))


def test_every_word_and_sign_has_a_token():
    assert word_tokenizer(["one", "two", "."])("two one, one.")["input_ids"] == [2, 1, 0, 1, 3]
