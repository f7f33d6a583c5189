"""How well several blends find the papers that a reader would want next, on ten papers judged by hand.

Prints precision and nDCG at 8 for each blend. Run: python tests/tools/compare_related.py
"""

import math
from pathlib import Path

import yaml

from catalog.registry import Registry
from catalog.related import BLEND, N_RELATED, Blend, related

JUDGEMENTS = Path(__file__).parents[1] / "fixtures" / "related_judgements.yaml"
VARIANTS = {
    "words": Blend(1, 0, 0),
    "characters": Blend(0, 1, 0),
    "head types and tags": Blend(0, 0, 1),
    "words + characters": Blend(0.5, 0.5, 0),
    "words + head types": Blend(0.5, 0, 0.5),
    "characters + head types": Blend(0, 0.5, 0.5),
    "words + characters + head types": Blend(0.4, 0.2, 0.4),
    "in use": BLEND,
}


def measure(registry, blend):
    """Mean precision and mean nDCG at 8 over the judged papers; first counts 2, also counts 1."""
    judged = yaml.safe_load(JUDGEMENTS.read_text(encoding="utf-8"))
    found = related(registry, blend)
    scores = [_measure_one(found[paper], lists["first"], lists["also"]) for paper, lists in judged.items()]
    return tuple(sum(column) / len(scores) for column in zip(*scores, strict=True))


def _measure_one(ranking, first, also):
    gains = dict.fromkeys(also, 1) | dict.fromkeys(first, 2)
    got = [gains.get(each.paper_id, 0) for each in ranking]
    best = sorted(gains.values(), reverse=True)[:N_RELATED]
    return sum(gain > 0 for gain in got) / N_RELATED, _discounted(got) / _discounted(best)


def _discounted(gains):
    return sum(gain / math.log2(place + 2) for place, gain in enumerate(gains))


def main():
    """Print the table."""
    registry = Registry.load()
    print(f"{'blend':34}precision  nDCG at {N_RELATED}")
    for name, blend in VARIANTS.items():
        precision, ndcg = measure(registry, blend)
        print(f"{name:34}{precision:9.3f}  {ndcg:9.3f}")


if __name__ == "__main__":
    main()
