"""A page for every measured model, and the list of them."""

from __future__ import annotations

from collections.abc import Iterator

from catalog.site_pages._book import Book


def pages(book: Book) -> Iterator[tuple[str, str]]:
    """The list and every model; see `catalog.site_pages`."""
    yield "models/index.md", book.fill("models")
    for slug, model in book.models.items():
        found = book.portraits[slug]
        about = {
            "model": model,
            "runs": book.registry.runs_of(slug),
            "called": {name: [standing.run.probe for standing in one.called] for name, one in found.items()},
            "most_called": sorted(found.values(), key=lambda one: (-len(one.called), one.name)),
            "address": lambda name, slug=slug: f"{slug}/{name}.html",
            "effects": [effect for effect in book.registry.effects if effect.model.slug == slug],
            "tested": [check for check in book.checks if check.model is not None and check.model.slug == slug],
        }
        yield f"models/{slug}.md", book.fill("model", about)
