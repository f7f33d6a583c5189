"""What checking the catalogue costs: validation and formatting of many invented papers.

    pip install -e . && python benchmarks/validation.py

The papers come from a seeded generator, in the size and with the claims of real ones. Every repeat is a process of its
own; times are wall-clock and CPU seconds of the whole command, start-up included, as the median over the repeats.
"""

import argparse
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from catalog.canonical.formatting import dump_entry
from catalog.canonical.layout import PAPERS
from catalog.models import Paper

N_HEAD_TYPES = 60
SYLLABLES = ["ba", "ce", "di", "fo", "gu", "ha", "li", "mo", "nu", "pre", "sto", "tri", "va", "zen"]


def make_papers(n: int, seed: int = 0) -> str:
    """Text of papers.yaml with invented papers.

    Args:
        n: Number of papers.
        seed: Seed of the generator.

    Returns:
        The canonical text.
    """
    draw = random.Random(seed)
    vocabulary = ["".join(draw.choices(SYLLABLES, k=draw.randint(1, 4))) for _ in range(3000)]
    papers = [Paper.model_validate(_paper(draw, vocabulary, number)) for number in range(n)]
    papers.sort(key=lambda paper: PAPERS.sort_key({"date": paper.date, "id": paper.id}))
    return "# Invented papers.\n\n" + "\n".join(map(dump_entry, papers))


def make_head_types() -> str:
    """Text of head_types.yaml with invented head types."""
    return "\n".join(
        f"- id: type_{n:03}\n  name: Type {n} head\n  definition: Invented.\n" for n in range(N_HEAD_TYPES)
    )


def _paper(draw: random.Random, vocabulary: list[str], number: int) -> dict[str, Any]:
    year, month, day = draw.randint(18, 26), draw.randint(1, 12), draw.randint(1, 28)
    surname = "".join(draw.choices("abcdefgh", k=6))

    def words(low: int, high: int) -> str:
        return " ".join(draw.choices(vocabulary, k=draw.randint(low, high))).capitalize()

    return {
        "id": f"{surname}-20{year}-p{number}",
        "title": words(5, 14) + (f": {words(3, 8)}" if draw.random() < 0.5 else ""),
        "authors": [words(2, 3) for _ in range(draw.randint(1, 9))],
        "date": f"20{year}-{month:02}-{day:02}",
        "date_basis": "submission",
        "arxiv_id": f"{year}{month:02}.{number:05}",
        "links": {"paper": f"https://example.org/{number}"},
        "head_types": [f"type_{draw.randrange(N_HEAD_TYPES):03}"],
        "models": [words(1, 2)],
        "tags": {"methods": ["ablation", "probing"], "domains": ["reasoning"], "modalities": ["text"]},
        "facts_from": ["arXiv record"],
        "added": "2026-11-22",
        "summary": {field: words(20, 45) for field in ("innovation", "tasks", "result")} | {"written_by": "person"},
        "claims": [_claim(draw, words, index) for index in range(draw.randint(1, 4))],
    }


def _claim(draw: random.Random, words: Any, index: int) -> dict[str, Any]:
    about = {"id": f"claim-{index}", "statement": words(10, 25), "where": words(1, 5)}
    head_type = f"type_{draw.randrange(N_HEAD_TYPES):03}"
    if draw.random() < 0.3:
        heads = sorted({f"L{draw.randrange(32)}H{draw.randrange(32)}" for _ in range(draw.randint(2, 25))})
        scores = [round(draw.random(), 4) for _ in heads]
        named = {"form": "heads", "model": words(1, 2), "heads": heads, "scores": scores, "measure": words(2, 3)}
        return about | named | {"head_type": head_type, "evidence": "primary"}
    if draw.random() < 0.4:
        return about | {"form": "share", "head_type": head_type, "at_most": round(draw.uniform(0.01, 0.5), 2)}
    return about | {"form": "untestable", "reason": words(8, 25)}


def measure(command: list[str], repeats: int) -> tuple[float, float, float]:
    """Median wall seconds, median CPU seconds and highest memory in MiB of a command that must succeed."""
    walls, cpus = [], []
    for _ in range(repeats):
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        walls.append(time.perf_counter() - start)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpus.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(walls), statistics.median(cpus), after.ru_maxrss / 1024


def main() -> None:
    """Print one row for each number of papers and each command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--papers", type=int, nargs="*", default=[240, 1500])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}")
    print("| papers | MB | command | wall s | CPU s | peak MiB |\n| ---: | ---: | --- | ---: | ---: | ---: |")
    for n in options.papers:
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder)
            text = make_papers(n)
            (data / "papers.yaml").write_text(text, encoding="utf-8")
            (data / "head_types.yaml").write_text(make_head_types(), encoding="utf-8")
            for command in (["validate"], ["format", "--check"]):
                run = [sys.executable, "-m", "catalog.cli", "paper", *command, "--data", folder]
                wall, cpu, memory = measure(run, options.repeats)
                size = len(text.encode()) / 1e6
                print(f"| {n} | {size:.2f} | {' '.join(command)} | {wall:.2f} | {cpu:.2f} | {memory:.0f} |")


if __name__ == "__main__":
    main()
