"""Time per seed of the counting experiment's training: one by one, stacked, on two processes, on Ray with two workers.

python benchmarks/experiments.py --seeds 8 --steps 200

It also prints the largest difference between the parameters of stacked and one-by-one training; the last line is JSON.
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

import torch

from probes.experiments.counting import CountingSettings
from probes.tiny.stacked import train_stacked
from probes.tiny.train import train
from probes.tiny.training import Trained
from probes.tiny.transformer import TinyConfig
from probes.workers import Engine, outcomes

CONFIG = TinyConfig()


def train_one(seed: int, n_steps: int, device: str) -> int:
    """Train one seed, for a worker; gives the seed back."""
    settings = CountingSettings(n_steps=n_steps, n_warmup=min(100, n_steps // 2), evaluate_every=n_steps)
    return train(CONFIG, settings.task, settings.training, seed, device=device).seed


def refuse(seed: int, reason: str) -> int:
    """A benchmark with a lost worker measures nothing."""
    raise SystemExit(f"seed {seed}: {reason}")


def seconds(work: Callable[[], object]) -> float:
    """Wall time of some work."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def largest_difference(one: list[Trained], other: list[Trained]) -> float:
    """Largest difference between two parameters of the same name and seed."""
    pairs = [
        (a, b)
        for left, right in zip(one, other, strict=True)
        for a, b in zip(left.model.state_dict().values(), right.model.state_dict().values(), strict=True)
    ]
    return max(float((a - b).abs().max()) for a, b in pairs)


def main() -> None:
    """Measure every way once, after a warm-up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(1)
    seeds = list(range(options.seeds))
    n_warmup = min(100, options.steps // 2)
    settings = CountingSettings(n_steps=options.steps, n_warmup=n_warmup, evaluate_every=options.steps)
    parts = (CONFIG, settings.task, settings.training)
    found: dict[str, list[Trained]] = {}
    train_one(0, 10, options.device)
    ways: dict[str, Callable[[], object]] = {
        "loop": lambda: found.update(loop=[train(*parts, seed, device=options.device) for seed in seeds]),
        "stacked": lambda: found.update(stacked=train_stacked(*parts, seeds, device=options.device)),
    }
    do = partial(train_one, n_steps=options.steps, device=options.device)
    for engine in (Engine.PROCESSES, Engine.RAY):
        if engine is not Engine.RAY or find_spec("ray") is not None:
            run = partial(outcomes, do, seeds, engine=engine, n_workers=options.workers, lost=refuse)
            ways[f"{engine}, {options.workers} workers"] = partial(lambda run: list(run()), run)
    per_seed = {name: round(seconds(work) / len(seeds), 3) for name, work in ways.items()}
    for name, value in per_seed.items():
        print(f"{name:24} {value:8.3f} s a seed")
    difference = largest_difference(found["loop"], found["stacked"])
    print(f"largest difference between parameters, stacked and loop: {difference:.2g}")
    result = {"seeds": len(seeds), "steps": options.steps, "seconds_per_seed": per_seed, "difference": difference}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
