"""K-composition of the demo model: what it costs in low rank and dense, and where known heads stand.

    python benchmarks/composition.py

One thread, CPU seconds. The dense way forms d_model × d_model circuits in float64, for the heads of one layer and all
before it. The ranks are those of pairs of heads that the recorded runs call.
"""

import time
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from catalog.files import data_folder
from catalog.runs import read_run
from probes import load_model
from probes.adapters.base import ProbedModel
from probes.circuits.composed_pairs import Composition
from probes.circuits.composition import composition
from probes.circuits.factors import ov_circuit, qk_circuit

T = TypeVar("T")
DEMO = "smollm2-135m-instruct-q4-1"
LAYER = 17
"""Layer whose heads read in the dense comparison."""


def main() -> None:
    """Print costs, the difference between both ways, and the percentiles."""
    torch.set_num_threads(1)
    model = load_model("demo")
    print(f"weights by head read and proved: {timed(lambda: model.weights)[1]:.1f} CPU s")
    found, seconds = timed(lambda: composition(model, "K"))
    print(f"low rank: {seconds:.2f} CPU s, {len(found)} pairs, {1000 * seconds / len(found):.3f} ms a pair")
    reference, seconds = timed(lambda: dense(model))
    n_pairs = reference.numel()
    each = 1000 * seconds / n_pairs
    print(f"dense, readers of layer {LAYER}: {seconds:.2f} CPU s, {n_pairs} pairs, {each:.3f} ms a pair")
    print(f"largest difference: {float((found.scores[:LAYER, :, LAYER].double() - reference).abs().max()):.1e}")
    for kind in "QKV":
        print_percentiles(composition(model, kind))


def timed(compute: Callable[[], T]) -> tuple[T, float]:
    """What it gives, and its CPU seconds."""
    began = time.process_time()
    return compute(), time.process_time() - began


def dense(model: ProbedModel) -> Tensor:
    """Scores by definition, shape (layer, head, head)."""
    heads = model.weights.layer(LAYER)
    qk = qk_circuit(heads)
    readers = [qk.key_of(head).double() @ qk.query[head].double().T for head in range(model.shape.n_heads)]
    scores = torch.empty(LAYER, model.shape.n_heads, model.shape.n_heads, dtype=torch.float64)
    for layer in range(LAYER):
        ov = ov_circuit(model.weights.layer(layer))
        for head in range(model.shape.n_heads):
            written = ov.reading_of(head).double() @ ov.writing[head].double()
            for reader, read in enumerate(readers):
                scores[layer, head, reader] = (written @ read).norm() / written.norm() / read.norm()
    return scores


def print_percentiles(found: Composition) -> None:
    """Where pairs of a previous-token head and a later induction head stand among all pairs."""
    runs = data_folder() / "runs" / DEMO
    writers, readers = (read_run(runs / f"{name}.json").called() for name in ("previous_token", "induction"))
    pairs = [(writer, reader) for writer in writers for reader in readers if writer.layer < reader.layer]
    percentiles = sorted(found.percentile(writer, reader) for writer, reader in pairs)
    median = percentiles[len(percentiles) // 2]
    middle = f"median percentile {median:.1f} ({percentiles[0]:.1f} to {percentiles[-1]:.1f})"
    print(f"{found.kind}: {len(pairs)} pairs of previous-token and induction heads: {middle}")


if __name__ == "__main__":
    main()
