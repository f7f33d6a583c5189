"""Check that every published head index of a list is in the claims of the catalogue, with its score.

    headatlas paper claims --json > ledger.json
    python tests/tools/known_heads.py ledger.json known_heads.json

The list holds records with arxiv_id, model or model_label, layer, head and score. Prints what is missing, exit code 1.
"""

import json
import sys
from collections import Counter
from pathlib import Path


def published(records):
    """Counts of (arXiv id, model, head, score) that the list holds; a label in brackets is not part of a name."""
    return Counter(
        (
            record["arxiv_id"],
            record["model"] or record["model_label"].partition(" (")[0],
            f"L{record['layer']}H{record['head']}",
            rounded(record["score"]),
        )
        for record in records
    )


def catalogued(rows):
    """The same of the ledger; without a paper's arXiv id, under which a blog post or a library has none."""
    heads = {}
    for row in rows:
        claim = row["claim"]
        if claim["form"] == "heads":
            scores = claim.get("scores") or [None] * len(claim["heads"])
            heads[row["paper"], claim["id"]] = [
                (row.get("arxiv_id"), claim["model"], head, rounded(score))
                for head, score in zip(claim["heads"], scores, strict=True)
            ]
    return Counter(head for named in heads.values() for head in named)


def rounded(score):
    """Score to three significant digits, which both sides give."""
    return None if score is None else f"{score:.3g}"


def main(ledger, known):
    """Compare the two files and say what is missing."""
    wanted = published(json.loads(Path(known).read_text(encoding="utf-8")))
    found = catalogued(json.loads(Path(ledger).read_text(encoding="utf-8")))
    missing = wanted - found
    for head, count in sorted(missing.items(), key=str):
        print("missing", *head, f"({count} times)")
    print(f"{wanted.total() - missing.total()} of {wanted.total()} published indices are in the ledger")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
