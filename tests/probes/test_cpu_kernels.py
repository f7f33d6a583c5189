"""The compiled kernels against torch in double precision, on shapes and numbers that hypothesis chooses."""

import math
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numba.core.caching import CacheImpl

from probes import cpu_kernels, pairs
from probes.map_rows import CompiledRows, TorchRows, softmax_rows
from probes.masks import UNSEEN
from probes.scoring import Scoring

ROUNDING = 2e-6
SIZES = st.integers(1, 5)


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.no_grad():
        yield


def some_scores(shape, seed, width):
    return width * torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def in_double(scores, sink):
    """Softmax, log-sum-exp and entropy over the keys; -inf is not seen."""
    logits = torch.full((*scores.shape[:3], 1), -torch.inf) if sink is None else sink[..., None]
    log_sum = torch.cat([scores, logits], dim=-1).double().logsumexp(-1)
    pattern = (scores.double() - log_sum[..., None]).exp().nan_to_num(0.0)
    return pattern, log_sum, torch.special.entr(pattern).sum(-1)


def close(found, wanted, scale=1.0):
    torch.testing.assert_close(found.double(), wanted, atol=ROUNDING * scale, rtol=0)


@settings(deadline=None)  # the first call compiles
@given(
    sizes=st.tuples(SIZES, SIZES, SIZES),
    n_keys=st.integers(1, 200),
    width=st.sampled_from([0.0, 0.3, 5.0, 60.0]),
    hides=st.sampled_from(["nothing", "some", "all of a row"]),
    has_sink=st.booleans(),
    seed=st.integers(0, 99),
)
def test_rows_equal_a_softmax_in_double_precision(sizes, n_keys, width, hides, has_sink, seed):
    with torch.no_grad():
        scores = some_scores((*sizes, n_keys), seed, width)
        hidden = torch.rand(scores.shape, generator=torch.Generator().manual_seed(seed)) < (hides != "nothing") * 0.5
        hidden[:, :, 0] |= hides == "all of a row"
        sink = some_scores(sizes, seed + 1, 3.0) if has_sink else None
        pattern, log_sum, entropy = in_double(scores.masked_fill(hidden, -torch.inf), sink)
        rows = scores.masked_fill(hidden, UNSEEN)
        place, found_log_sum, found_entropy = cpu_kernels.softmax_(rows, sink, ends_in_triangle=False)
        sees = ~hidden.all(-1)
        close(rows, pattern.where(sees[..., None], 0.0))
        close(found_log_sum, log_sum.where(place >= 0, -torch.inf), scale=max(1.0, width))
        close(found_entropy, entropy.where(sees, 0.0), scale=10.0)
        assert (rows[hidden] == 0).all()
        assert torch.equal(place >= 0, rows.amax(-1) > 0)
        largest = rows.gather(-1, place.clamp(min=0)[..., None])[..., 0]
        assert torch.equal(largest, rows.amax(-1))


@settings(deadline=None)  # the first call compiles
@given(n_rows=st.integers(1, 9), n_before=st.integers(0, 40), has_sink=st.booleans(), seed=st.integers(0, 99))
def test_both_ways_make_the_same_of_a_causal_block(n_rows, n_before, has_sink, seed):
    with torch.no_grad():
        scores = some_scores((2, 3, n_rows, n_before + n_rows), seed, 4.0)
        sink = some_scores((2, 3, n_rows), seed + 1, 2.0) if has_sink else None
        compiled = softmax_rows(scores.clone(), None, Scoring(None, is_causal=True, scale=1.0, sink=sink))
    later = torch.ones(scores.shape[2:]).triu(1 + n_before).bool()
    with torch.enable_grad():
        by_torch = softmax_rows(scores, ~later[None, None], Scoring(None, is_causal=False, scale=1.0, sink=sink))
    assert isinstance(compiled, CompiledRows)
    assert isinstance(by_torch, TorchRows)
    for wanted, found in zip(of(by_torch), of(compiled), strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)
    assert (compiled.pattern[..., later] == 0).all()


def of(rows):
    largest = rows.pattern.gather(-1, rows.largest_place[..., None])
    return rows.pattern, rows.log_sum_exp, rows.entropies, largest


@pytest.mark.parametrize("number", [math.nan, math.inf])
@pytest.mark.parametrize("key", [0, 5, 99])
def test_what_is_not_a_number_is_not_lost(number, key):
    scores = some_scores((1, 1, 2, 100), 0, 1.0)
    scores[0, 0, 0, key] = number
    cpu_kernels.softmax_(scores, None, ends_in_triangle=False)
    assert scores[0, 0, 0].isnan().any()
    assert scores[0, 0, 1].isfinite().all()


@pytest.mark.parametrize("bad", [math.nan, -math.inf])
@pytest.mark.parametrize("others", ["the same", UNSEEN])
def test_row_without_any_number_is_not_taken_for_one_that_sees_nothing(bad, others):
    scores = torch.full((1, 1, 1, 70), bad)
    if others == UNSEEN and math.isnan(bad):
        scores[..., 1:] = UNSEEN
    place, log_sum, entropy = cpu_kernels.softmax_(scores.clone(), None, ends_in_triangle=False)
    assert (int(place) >= 0, bool(log_sum.isnan()), bool(entropy.isnan())) == (True, True, True)
    for grad in (False, True):
        with torch.set_grad_enabled(grad):
            rows = softmax_rows(scores.clone(), torch.ones(1, 1, 1, 70).bool(), Scoring(None, False, 1.0))
        assert rows.pattern.isnan().any()


def test_sums_of_long_rows_do_not_drift():
    scores = some_scores((1, 1, 1, 1 << 20), 0, 1.0)
    expected = scores.double().logsumexp(-1)
    _, log_sum, _ = cpu_kernels.softmax_(scores, None, ends_in_triangle=False)
    close(log_sum, expected)


def test_first_of_equal_scores_is_the_largest():
    scores = torch.zeros(1, 1, 3, 70)
    place, log_sum, entropy = cpu_kernels.softmax_(scores, None, ends_in_triangle=True)
    assert place.tolist() == [[[0, 0, 0]]]
    expected = torch.tensor([68, 69, 70]).double().log()
    close(log_sum[0, 0], expected)
    close(entropy[0, 0], expected)


@settings(deadline=None)  # the first call compiles
@given(
    sizes=st.tuples(SIZES, SIZES, st.integers(1, 3), st.integers(1, 40), st.integers(1, 40)),
    n_chosen=st.integers(1, 7),
    dtype=st.sampled_from([torch.float32, torch.bfloat16, torch.float64]),
    seed=st.integers(0, 99),
)
def test_products_of_chosen_pairs(sizes, n_chosen, dtype, seed):
    batch, n_kv_heads, n_groups, length, width = sizes
    generator = torch.Generator().manual_seed(seed)
    query = torch.randn(batch, length, n_kv_heads * n_groups, width, generator=generator).to(dtype).transpose(1, 2)
    key = torch.randn(batch, n_kv_heads, length, width, generator=generator).to(dtype)
    chosen = torch.randint(-1, length, (batch, length, n_chosen), generator=generator)
    every = query.double() @ key.double().repeat_interleave(n_groups, 1).transpose(2, 3)
    index = chosen.clamp(min=0)[:, None].expand(-1, query.shape[1], -1, -1)
    wanted = every.gather(3, index).where(chosen[:, None] >= 0, 0.0)
    with torch.no_grad():
        of_compiled = pairs.pair_products(query, key, chosen)
    with torch.enable_grad():
        of_torch = pairs.pair_products(query, key, chosen)
    for found in (of_compiled, of_torch):
        close(found.where(chosen[:, None] >= 0, 0.0), wanted, scale=20.0)


@pytest.mark.parametrize("far", [6, 1000, 3_000_000_000])
def test_key_that_is_not_there_is_refused(far):
    query, key = some_scores((1, 4, 6, 8), 0, 1.0), some_scores((1, 2, 6, 8), 1, 1.0)
    with pytest.raises(IndexError, match=f"key {far} was chosen, and the layer has keys 0 to 5"):
        pairs.pair_products(query, key, torch.full((1, 6, 1), far))


def test_entries_are_added_to_their_owners():
    pattern = torch.rand(2, 3, 4, 5)
    owner, sample = torch.tensor([0, 2, 2, 0]), torch.tensor([0, 1, 1, 0])
    row, key = torch.tensor([1, 0, 3, 1]), torch.tensor([4, 0, 2, 4])
    sums = torch.zeros(3, 3, dtype=torch.float64)
    cpu_kernels.add_entries(sums, pattern, owner, sample, row, key)
    entries = pattern.double()[sample, :, row, key]
    expected = torch.stack([entries[0] + entries[3], torch.zeros(3), entries[1] + entries[2]], dim=1)
    assert torch.equal(sums, expected)


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_threads_change_nothing(n_threads, monkeypatch):
    monkeypatch.setattr(cpu_kernels, "NUMBERS_OF_A_THREAD", 16)
    monkeypatch.setattr(torch, "get_num_threads", lambda: n_threads)
    scores = some_scores((2, 3, 7, 50), 0, 4.0)
    alone = scores.clone()
    shared = [scores, *cpu_kernels.softmax_(scores, None, ends_in_triangle=True)]
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    for one, other in zip(shared, [alone, *cpu_kernels.softmax_(alone, None, ends_in_triangle=True)], strict=True):
        assert torch.equal(one, other)


def test_gradients_are_left_to_torch():
    assert cpu_kernels.fits(torch.ones(1))
    with torch.enable_grad():
        assert not cpu_kernels.fits(torch.ones(1))
    assert not cpu_kernels.fits(torch.ones(1, device="meta"))
    assert not cpu_kernels.fits(torch.ones(1, dtype=torch.bfloat16))


AFTER_THE_END = """
import threading, time, torch
from probes import cpu_kernels
torch.set_num_threads(2)
cpu_kernels.NUMBERS_OF_A_THREAD = 16

def late():
    threading.main_thread().join()
    with torch.no_grad():
        scores = torch.zeros(1, 1, 8, 64)
        cpu_kernels.softmax_(scores, None, ends_in_triangle=False)
    print(float(scores.sum()))

threading.Thread(target=late).start()
"""


def test_thread_that_outlives_the_main_one_can_probe():
    done = subprocess.run(
        [sys.executable, "-c", AFTER_THE_END], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.returncode) == ("8.0\n", 0), done.stderr


def test_kernels_are_compiled_where_nothing_can_be_kept(monkeypatch):
    monkeypatch.setattr(CacheImpl, "_locator_classes", [])
    with pytest.raises(RuntimeError, match="no locator"):
        njit(cache=True)(largest_of)
    assert cpu_kernels._compiled()(largest_of)(3.0, 4.0) == 4.0


def largest_of(one, other):
    return max(one, other)
