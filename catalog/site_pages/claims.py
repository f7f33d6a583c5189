"""The ledger: how many claims were tested, with what outcome, and which wait for a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from catalog.claims import Check, Verdict, detectors_for, overall
from catalog.models import HeadsClaim
from catalog.site_pages._book import Book


def pages(book: Book) -> Iterator[tuple[str, str]]:
    """The ledger; see `catalog.site_pages`."""
    verdicts = Counter(map(overall, book.checks_by_claim.values()))
    about = {
        "counts": [(verdict, verdicts[verdict]) for verdict in Verdict],
        "tested": [check for check in book.checks if check.model or check.experiment],
        "waiting": _waiting(book),
        "n_heads": sum(len(check.claim.heads) for check in book.checks if isinstance(check.claim, HeadsClaim)),
    }
    yield "claims/index.md", book.fill("claims", about)


def _waiting(book: Book) -> list[tuple[str, list[Check]]]:
    """Models whose named heads a detector could test today, the one with most claims first."""
    waiting: dict[str, list[Check]] = {}
    for check in book.checks:
        if isinstance(check.claim, HeadsClaim) and check.model is None and detectors_for(book.registry, check.claim):
            waiting.setdefault(check.claim.model, []).append(check)
    return sorted(waiting.items(), key=lambda item: (-len(item[1]), item[0]))
