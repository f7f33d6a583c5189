"""What torch has no fused kernel for on a processor, compiled by numba: softmax with all that is read off its rows.

A row of a map fits into the first-level cache. Here its softmax, its largest entry and its entropy are made in one go
while it lies there; as operations of torch each of them takes all rows through memory anew. The numbers are those of
torch up to the rounding of float32.

Functions are compiled when they are first called, and kept beside this file, or in the user's cache folder where that
cannot be written. numba does not notice when another file changes, so no constant of another file of ours is compiled.
"""

import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any, no_type_check

import numpy as np
import torch
from jaxtyping import Float, Int
from llvmlite import ir
from numba import config, float32, int32, njit
from numba.extending import intrinsic
from torch import Tensor

from probes.masks import UNSEEN
from probes.shapes import AttentionPattern, KeyPositions, Keys, Queries

NUMBERS_OF_A_THREAD = 1 << 17
"""Numbers that are worth a thread of their own."""

KEYS_OF_A_SUM = 4096
"""Exponentials that are added up in float32 before their sum goes on in float64."""

DTYPES = (torch.float32, torch.int64)

LOG2_E = np.float32(math.log2(math.e))
LOWEST_EXPONENT = np.float32(-127 * math.log(2))
"""Lower exponents are raised to this one, whose exponential is 0 here: float32 hardly holds any smaller number."""

TAYLOR = tuple(np.float32(math.log(2) ** n / math.factorial(n)) for n in range(8))
"""Coefficients of 2^x; from -1/2 to 1/2 the next term is less than the rounding of float32."""

ORDER_IS_FREE = {"contract", "reassoc", "arcp", "nsz"}
"""What the compiler may do to sums; that something is not a number must not get lost."""


def fits(*tensors: Tensor) -> bool:
    """Whether the kernels here take these tensors: on a processor, in float32, and no gradient is wanted."""
    if torch.is_grad_enabled() or config.DISABLE_JIT:  # type: ignore[attr-defined]
        return False
    return all(tensor.device.type == "cpu" and tensor.dtype in DTYPES for tensor in tensors)


def softmax_(
    scores: AttentionPattern, sink: Float[Tensor, "_batch head rows"] | None, *, ends_in_triangle: bool
) -> tuple[Int[Tensor, "batch head rows"], Float[Tensor, "batch head rows"], Float[Tensor, "batch head rows"]]:
    """Turn scores into rows of a map where they lie.

    Args:
        scores: In float32, one after the other in memory; UNSEEN where a query may not see a key.
        sink: Learned logits that take part in the softmax and have no value.
        ends_in_triangle: Whether the last key belongs to the last query, and no query sees a later key than its own.

    Returns:
        Shape (batch, head, rows) each: place in its row of the largest score, the first of several, -1 where all
        entries are 0; logarithm of the softmax denominator in nats, minus infinity where all are 0; entropy over the
        keys in nats, to which a sink adds nothing. Not a number where a score is none, in the row as well.
    """
    n_rows, n_keys = scores.shape[2:]
    place = scores.new_empty(scores.shape[:3], dtype=torch.int64)
    log_sum, entropy = scores.new_empty(scores.shape[:3]), scores.new_empty(scores.shape[:3])
    n_seen = n_keys - (np.arange(n_rows)[::-1] if ends_in_triangle else np.zeros(n_rows, np.int64))
    logits = np.empty(0, np.float32) if sink is None else sink.float().expand(scores.shape[:3]).numpy().ravel()
    flat = (scores.view(-1, n_keys), place.view(-1), log_sum.view(-1), entropy.view(-1))
    arrays = (*(part.numpy() for part in flat), n_seen, logits, np.float32(UNSEEN / 2))
    _over_rows(_softmax_rows, place.numel(), n_keys, *arrays)
    return place, log_sum, entropy


def pair_products(
    query: Queries, key: Keys, key_positions: KeyPositions
) -> Float[Tensor, "batch head query_pos n_keys"]:
    """Dot products of every query with the keys chosen for it; see pairs.pair_products.

    Args:
        query: In float32.
        key: In float32.
        key_positions: -1 where there is none; one table may serve all samples.

    Returns:
        The products; any number for missing keys.

    Raises:
        IndexError: a key was chosen that is not there.
    """
    n_keys = key_positions.shape[2]
    chosen = key_positions.expand(len(query), query.shape[2], -1)
    if chosen.numel() and int(chosen.max()) >= key.shape[2]:
        raise IndexError(f"key {int(chosen.max())} was chosen, and the layer has keys 0 to {key.shape[2] - 1}")
    products = query.new_empty(*query.shape[:3], n_keys, dtype=torch.float32)
    parts = (query.contiguous(), key.contiguous(), chosen.contiguous(), products)
    n_products = query.shape[:2].numel() * n_keys
    _over_rows(_products_of_rows, query.shape[2], n_products, *(part.numpy() for part in parts))
    return products


def add_entries(
    sums: Float[Tensor, "head owner"],
    pattern: AttentionPattern,
    owner: Int[Tensor, " entry"],
    sample: Int[Tensor, " entry"],
    row: Int[Tensor, " entry"],
    key: Int[Tensor, " entry"],
) -> None:
    """Add entries of a map to the sums of their owners; see entries.Entries, which keeps them inside the block.

    Args:
        sums: One for every head and owner, in float64; they are changed.
        pattern: The rows of a block.
        owner: To whose sum an entry is added.
        sample: Where each entry stands.
        row: Row in the block.
        key: Key in the block.
    """
    places = (owner, sample, row, key)
    _add_entries(sums.numpy(), pattern.numpy(), *(place.numpy() for place in places))


def _over_rows(kernel: Callable[..., None], n_rows: int, n_numbers: int, *arguments: Any) -> None:
    """Run a kernel on all rows, shared out among as many threads as torch uses; none can be started at Python's end."""
    n_threads = min(torch.get_num_threads(), 1 + n_rows * n_numbers // NUMBERS_OF_A_THREAD, n_rows)
    if n_threads <= 1 or not threading.main_thread().is_alive():
        kernel(*arguments, 0, n_rows)
        return
    edges = [n_rows * thread // n_threads for thread in range(n_threads + 1)]
    parts = [_threads(n_threads).submit(kernel, *arguments, *part) for part in pairwise(edges)]
    for part in parts:
        part.result()


@cache
def _threads(n_threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(n_threads, thread_name_prefix="headatlas")


def _compiled(**options: Any) -> Callable[[Any], Any]:
    """Compile a function at its first call, and keep it on disk where there is a place for it."""

    def compile_later(function: Any) -> Any:
        try:
            return njit(nogil=True, error_model="numpy", cache=True, **options)(function)
        except RuntimeError:  # no folder can be written: every process compiles anew
            return njit(nogil=True, error_model="numpy", **options)(function)

    return compile_later


@intrinsic
@no_type_check
def _with_bits(_: Any, __: Any) -> Any:
    """The number that has the bits of an integer."""
    return float32(int32), lambda _, builder, __, given: builder.bitcast(given[0], ir.FloatType())


@intrinsic
@no_type_check
def _larger(_: Any, __: Any, ___: Any) -> Any:
    """The larger of two numbers, in a way that is compiled to several at once; a maximum in Python is not."""

    def build(_: Any, builder: Any, __: Any, given: Any) -> Any:
        two = ir.FunctionType(ir.FloatType(), [ir.FloatType()] * 2)
        maximum = builder.module.declare_intrinsic("llvm.maxnum", [ir.FloatType()], two)
        return builder.call(maximum, given, fastmath=("nnan", "nsz"))

    return float32(float32, float32), build


@_compiled()
@no_type_check
def _highest(row: Any, n_keys: int) -> Any:
    """Largest of the first scores of a row; which one it is if some are not numbers does not matter."""
    highest = np.float32(-np.inf)
    for key in range(n_keys):
        highest = _larger(highest, row[key])
    return highest


@_compiled()
@no_type_check
def _first_place(row: Any, n_keys: int, wanted: Any) -> Any:
    """First place of a score in a row."""
    place = np.int32(n_keys - 1)
    for key in range(np.int32(n_keys)):
        place = min(place, np.int32(key) if row[key] == wanted else np.int32(n_keys - 1))
    return place


@_compiled(fastmath=ORDER_IS_FREE)
@no_type_check
def _exponentials_(row: Any, highest: Any) -> Any:
    """Turn scores into e^(score - highest); their sum, and the sum of each times its exponent."""
    total = moment = np.float32(0)
    for key in range(len(row)):
        exponent = row[key] - highest
        exponent = LOWEST_EXPONENT if exponent < LOWEST_EXPONENT else exponent
        whole = np.floor(exponent * LOG2_E + np.float32(0.5))
        rest = exponent * LOG2_E - whole
        series = TAYLOR[7]
        series = series * rest + TAYLOR[6]
        series = series * rest + TAYLOR[5]
        series = series * rest + TAYLOR[4]
        series = series * rest + TAYLOR[3]
        series = series * rest + TAYLOR[2]
        series = series * rest + TAYLOR[1]
        series = series * rest + TAYLOR[0]
        bits = (np.int32(whole) + np.int32(127)) << np.int32(23)
        exponential = series * _with_bits(bits)
        row[key] = exponential
        total += exponential
        moment += exponential * exponent
    return total, moment


@_compiled()
@no_type_check
def _scale_(row: Any, n_keys: int, factor: Any) -> None:
    """Multiply the first numbers of a row, and set the others to 0."""
    for key in range(n_keys):
        row[key] *= factor
    for key in range(n_keys, len(row)):
        row[key] = 0


@_compiled(fastmath=ORDER_IS_FREE)
@no_type_check
def _softmax_rows(
    rows: Any, place: Any, log_sum: Any, entropy: Any, n_seen: Any, sink: Any, unseen: Any, start: int, stop: int
) -> None:
    for number in range(start, stop):
        row, n_keys = rows[number], n_seen[number % len(n_seen)]
        score = _highest(row, n_keys)
        own_place = _first_place(row, n_keys, score)
        highest = max(score, sink[number]) if len(sink) else score
        total = moment = 0.0
        for first in range(0, n_keys, KEYS_OF_A_SUM):
            part = _exponentials_(row[first : min(first + KEYS_OF_A_SUM, n_keys)], highest)
            total, moment = total + part[0], moment + part[1]
        all_in_all = total + (math.exp(sink[number] - highest) if len(sink) else 0.0)
        _scale_(row, n_keys, np.float32(1 / all_in_all))
        nats = (total * math.log(all_in_all) - moment) / all_in_all
        place[number], log_sum[number] = own_place, highest + math.log(all_in_all)
        entropy[number] = 0.0 if nats < 0 else nats
        if not math.isnan(total) and (score <= unseen or row[own_place] == 0):
            row[:] = 0
            place[number], log_sum[number], entropy[number] = -1, -np.inf, 0


@_compiled(fastmath=ORDER_IS_FREE)
@no_type_check
def _products_of_rows(query: Any, key: Any, key_positions: Any, products: Any, start: int, stop: int) -> None:
    n_samples, n_heads, _, width = query.shape
    n_groups = n_heads // key.shape[1]
    for sample in range(n_samples):
        for head in range(n_heads):
            keys = key[sample, head // n_groups]
            for row in range(start, stop):
                own = query[sample, head, row]
                for slot in range(key_positions.shape[2]):
                    other = keys[max(key_positions[sample, row, slot], 0)]
                    product = np.float32(0)
                    for number in range(width):
                        product += own[number] * other[number]
                    products[sample, head, row, slot] = product


@_compiled()
@no_type_check
def _add_entries(sums: Any, pattern: Any, owner: Any, sample: Any, row: Any, key: Any) -> None:
    for head in range(pattern.shape[1]):
        for entry in range(len(owner)):
            sums[head, owner[entry]] += pattern[sample[entry], head, row[entry], key[entry]]
