"""Look for runs of words that our sentences share with the texts they were written from.

    python tests/tools/overlap.py [--words 8] TEXT_FILE...

Every sentence of the catalogue (summaries, findings, claims, definitions of head types) is compared with every file
named. The texts belong to others and stay out of the repository. Prints each shared run; exit code 1 if there is one.
"""

import argparse
import re
import sys
from pathlib import Path

from catalog.registry import Registry

FACTS = {"title", "authors", "venue", "models", "model", "heads", "where", "links", "measure", "name", "aliases", "id"}
"""Fields that are facts, or names given by others, and no sentences of ours."""


def words(text):
    """Words and numbers of a text in small letters."""
    return re.findall(r"[^\W_]+", text.lower())


def runs(text, length):
    """Every run of so many words of a text."""
    found = words(text)
    return {tuple(found[start : start + length]) for start in range(len(found) - length + 1)}


def sentences(value, path=()):
    """Every text of ours inside a record, with the way to it."""
    if isinstance(value, str):
        yield ".".join(path), value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inside in items:
        if key not in FACTS:
            yield from sentences(inside, (*path, str(key)))


def main():
    """Compare and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="TEXT_FILE")
    parser.add_argument("--words", type=int, default=8, help="length of a run (default 8)")
    options = parser.parse_args()
    theirs = set()
    for file in options.files:
        theirs |= runs(file.read_text(encoding="utf-8", errors="replace"), options.words)
    registry = Registry.load()
    n_sentences = n_shared = 0
    for entry in [*registry.papers.values(), *registry.head_types.values()]:
        for place, text in sentences(entry.model_dump(mode="json")):
            n_sentences += 1
            for run in sorted(runs(text, options.words) & theirs):
                n_shared += 1
                print(f"{entry.id}: {place}: {' '.join(run)}")
    print(f"{n_sentences} texts of ours, {len(options.files)} files: {n_shared} shared runs of {options.words} words")
    return 1 if n_shared else 0


if __name__ == "__main__":
    sys.exit(main())
