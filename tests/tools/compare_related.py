"""How well several recipes find the papers that a reader would want next, on ten papers judged by hand.

Prints precision and nDCG at 8 for each recipe. Run: python tests/tools/compare_related.py
"""

import math
from pathlib import Path

import yaml

from catalog.registry import Registry
from catalog.related import N_RELATED, RECIPE, Recipe, related

JUDGEMENTS = Path(__file__).parents[1] / "fixtures" / "related_judgements.yaml"
VARIANTS = {
    "words": Recipe("word", 0),
    "parts of words": Recipe("char_wb", 0),
    "head types and tags": Recipe("word", 1),
    "words + head types and tags": Recipe("word", 0.5),
    "parts of words + head types and tags": Recipe("char_wb", 0.5),
}


def measure(registry, recipe):
    """Mean precision and mean nDCG at 8 over the judged papers; first counts 2, also counts 1."""
    judged = yaml.safe_load(JUDGEMENTS.read_text(encoding="utf-8"))
    found = related(registry, recipe)
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
    print(f"{'recipe':38}precision  nDCG at {N_RELATED}")
    for name, recipe in VARIANTS.items():
        precision, ndcg = measure(registry, recipe)
        in_use = "  in use" if recipe == RECIPE else ""
        print(f"{name:38}{precision:9.3f}  {ndcg:9.3f}{in_use}")


if __name__ == "__main__":
    main()
