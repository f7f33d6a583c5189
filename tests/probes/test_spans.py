"""Marked spans as sets, and shares of attention between two of them."""

import torch

from probes.spans import FLOOR, floored_share, key_set


def test_set_holds_the_positions_and_nothing_else():
    keys = key_set(torch.tensor([[0, 2], [3, -1]]), 4)
    assert keys.tolist() == [[True, False, True, False], [False, False, False, True]]


def test_share_counts_in_full_from_the_floor_on_and_less_below():
    wanted, other = torch.tensor([0.3, 0.03, 0.0]), torch.tensor([0.1, 0.01, 0.0])
    share = floored_share(wanted, other, wanted + other)
    torch.testing.assert_close(share, torch.tensor([0.75, 0.75 * 0.04 / FLOOR, 0.0]))
