"""A page for every head of a measured model: what is recorded about it, section by section.

A section is an entry of `SECTIONS` and a template in site/templates/head. It says what the template prints of a head,
or None where nothing of the kind is recorded: then the page goes without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from catalog.ids import HeadName
from catalog.models import Paper
from catalog.portraits import Portrait
from catalog.runs import MeasuredModel
from catalog.site_pages._book import Book

ROOT = "../../"
N_WORDS = 5
"""Words that a page shows in a row."""


def pages(book: Book) -> Iterator[tuple[str, str]]:
    """Every head of every model; see `catalog.site_pages`."""
    for slug, model in book.models.items():
        names = list(book.portraits[slug])
        for before, name, after in zip([None, *names], names, [*names[1:], None], strict=False):
            about = {
                "model": model,
                "portrait": book.portraits[slug][name],
                "before": before,
                "after": after,
                "layer": [other for other in names if other.layer == name.layer],
                "key_value_head": _key_value_head(model, name),
            }
            parts = [book.fill("head", about, root=ROOT), *_sections(book, model, name)]
            yield f"models/{slug}/{name}.md", "\n".join(parts)


def _key_value_head(model: MeasuredModel, name: HeadName) -> HeadName:
    """The key-value head that a query head reads; with the query heads in order, as many share each."""
    return HeadName(name.layer, name.head * model.n_key_value_heads // model.n_heads)


def _sections(book: Book, model: MeasuredModel, name: HeadName) -> Iterator[str]:
    for template, says in SECTIONS.items():
        values = says(book, model, book.portraits[model.slug][name])
        if values is not None:
            yield book.fill(f"head/{template}", {"model": model, "name": name, **values}, root=ROOT)


def _scores(_: Book, __: MeasuredModel, portrait: Portrait) -> Mapping[str, object] | None:
    return {"standings": portrait.standings} if portrait.standings else None


def _weights(book: Book, model: MeasuredModel, portrait: Portrait) -> Mapping[str, object] | None:
    """Relations in which the head stands out, and what it makes of words where that was described."""
    head = model.slug, portrait.name
    n_measured = sum(run.model.slug == model.slug and run.is_defined for run in book.registry.relation_runs)
    described = book.operations.get(head)
    if not n_measured and described is None:
        return None
    found = book.relations_of_heads.get(head, [])
    return {"found": found, "n_measured": n_measured, "described": described, "n_words": N_WORDS}


def _ablations(_: Book, __: MeasuredModel, portrait: Portrait) -> Mapping[str, object] | None:
    return {"effects": portrait.effects} if portrait.effects else None


def _papers(book: Book, _: MeasuredModel, portrait: Portrait) -> Mapping[str, object] | None:
    """Claims that name the head, and what to read about the types that it is called."""
    to_read = {
        standing.run.head_type: paper
        for standing in portrait.called
        if (paper := _read_first(book, standing.run.head_type))
    }
    return {"mentions": portrait.mentions, "to_read": to_read}


def _read_first(book: Book, head_type: str) -> Paper | None:
    """The paper to begin with; where none is marked, the oldest."""
    return next(iter(book.registry.papers_on(head_type)), None)


SECTIONS: dict[str, Callable[[Book, MeasuredModel, Portrait], Mapping[str, object] | None]] = {
    "scores": _scores,
    "weights": _weights,
    "ablations": _ablations,
    "papers": _papers,
}
"""Sections of a page in order, by the name of their template."""
