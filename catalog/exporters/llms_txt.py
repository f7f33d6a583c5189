"""llms.txt: an index of the site for language models, one line a page (the convention of llmstxt.org)."""

from __future__ import annotations

from collections.abc import Iterator

from catalog import exporters
from catalog.exporters import _markdown
from catalog.exporters.base import LICENCE, Exporter
from catalog.registry import Registry


def export(registry: Registry) -> str:
    """The index; its addresses are relative to the site's own.

    Args:
        registry: What to export.

    Returns:
        The text of the file.
    """
    return "\n".join(_lines(registry)) + "\n"


def _lines(registry: Registry) -> Iterator[str]:
    yield "# HeadAtlas"
    yield ""
    yield "> What papers say about attention heads of transformers, beside what the heads do when they are measured."
    yield ""
    yield (
        f"{len(registry.papers)} papers and {len(registry.head_types)} head types, in our own words, under {LICENCE}. "
        "Every paper says whether its summary was written by a language model and whether a person checked it."
    )
    for title, lines in _sections(registry).items():
        yield from ("", f"## {title}", "", *lines)


def _sections(registry: Registry) -> dict[str, list[str]]:
    papers = sorted(registry.papers.values(), key=lambda paper: (paper.date, paper.id), reverse=True)
    models = {run.model.slug: run.model.name for run in registry.runs}
    return {
        "Start here": [
            _line("Head types", "head-types/index.html", "every type, measured or not"),
            _line("Papers", "papers/index.html", "all papers, newest first"),
            _line("Models", "models/index.html", "the models that were measured"),
            _line("How we measure", "measuring.html", "detectors, nulls and what a called head is"),
        ],
        "Data": [_line(other.file_name, other.path, other.description) for other in _other_formats()],
        "Head types": [
            _line(head_type.name, f"head-types/{head_type.id}.html", head_type.definition)
            for head_type in registry.head_types.values()
        ],
        "Models": [
            _line(name, f"models/{slug}.html", "scores of every head under every probe")
            for slug, name in sorted(models.items())
        ],
        "Optional": [_line(paper.title, f"papers/{paper.id}.html", paper.summary.innovation) for paper in papers],
    }


def _other_formats() -> list[Exporter]:
    return [exporters.load(name) for name in exporters.names() if exporters.load(name) is not EXPORTER]


def _line(title: str, address: str, description: str) -> str:
    return f"- {_markdown.link(title, address)}: {_markdown.text(description)}"


EXPORTER = Exporter("Index of the site for language models (llms.txt)", "llms.txt", "text/plain", export)
