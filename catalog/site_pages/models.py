"""A page for every measured model, and the list of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from catalog.ids import HeadName
from catalog.relation_runs import SIGNS, RelationRun, Sign
from catalog.site_pages._book import Book


@dataclass(frozen=True)
class _Held:
    """A relation on the model, and its called heads."""

    run: RelationRun
    called_by_sign: dict[Sign, list[HeadName]]

    @property
    def called(self) -> list[HeadName]:
        """Heads called with either sign."""
        return [name for names in self.called_by_sign.values() for name in names]


def pages(book: Book) -> Iterator[tuple[str, str]]:
    """The list and every model; see `catalog.site_pages`."""
    measured = {slug: _about(book, slug) for slug in book.models}
    yield "models/index.md", book.fill("models", {"measured": list(measured.values())})
    for slug, about in measured.items():
        yield f"models/{slug}.md", book.fill("model", about)


def _about(book: Book, slug: str) -> dict[str, Any]:
    found = book.portraits[slug]
    tested = [check for check in book.checks if check.model is not None and check.model.slug == slug]
    return {
        "model": book.models[slug],
        "runs": book.registry.runs_of(slug),
        "called": {name: [standing.run.probe for standing in one.called] for name, one in found.items()},
        "most_called": sorted(found.values(), key=lambda one: (-len(one.called), one.name)),
        "address": lambda name: f"{slug}/{name}.html",
        "relations": _relations(book, slug),
        "effects": [effect for effect in book.registry.effects if effect.model.slug == slug],
        "tested": tested,
        "n_claims": len({(check.paper.id, check.claim.id) for check in tested}),
    }


def _relations(book: Book, slug: str) -> list[_Held]:
    """Relations that are defined for the model's tokenizer, by name."""
    runs = [run for run in book.registry.relation_runs if run.model.slug == slug and run.is_defined]
    held = [_Held(run, {sign: run.called(sign) for sign in SIGNS}) for run in runs]
    return sorted(held, key=lambda one: book.relation_name(one.run.relation))
