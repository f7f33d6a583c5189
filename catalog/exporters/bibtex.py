"""BibTeX of papers: only what the registry says, escaped for LaTeX.

The key of an entry is the paper's id, such as "olsson-2022-induction": it never changes, and no two papers share it.
"""

from __future__ import annotations

from typing import NamedTuple

from catalog.exporters import _citation
from catalog.exporters.base import Exporter
from catalog.models import Paper
from catalog.registry import Registry
from catalog.texts import one_line

_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\textbraceleft{}",
        "}": r"\textbraceright{}",
        "$": r"\$",
        "&": r"\&",
        "#": r"\#",
        "%": r"\%",
        "_": r"\_",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
)
"""BibTeX counts braces also behind a backslash, so that those of a text must not stand in an entry at all."""
_VERBATIM = str.maketrans({" ": "", "{": "%7B", "}": "%7D", "\\": "%5C"})
"""Addresses are printed as they are, so only what would unbalance the entry is rewritten."""


class _Layout(NamedTuple):
    entry: str
    venue_field: str


_LAYOUTS = {
    _citation.Kind.ARTICLE: _Layout("article", "journal"),
    _citation.Kind.CONFERENCE: _Layout("inproceedings", "booktitle"),
    _citation.Kind.WEB: _Layout("misc", "howpublished"),
    _citation.Kind.PREPRINT: _Layout("misc", "howpublished"),
}


def entry(paper: Paper) -> str:
    """BibTeX entry of one paper.

    Args:
        paper: The paper.

    Returns:
        The entry without a final line break. Where the registry says nothing, the entry has no field.
    """
    layout = _LAYOUTS[_citation.kind(paper)]
    fields = {
        "title": f"{{{escape(paper.title)}}}",
        "author": " and ".join(_author(name) for name in paper.authors),
        "year": str(_citation.year(paper)),
        layout.venue_field: paper.venue and escape(paper.venue),
        "eprint": paper.arxiv_id,
        "archivePrefix": "arXiv" if paper.arxiv_id else None,
        "doi": paper.doi and _verbatim(paper.doi),
        "url": _verbatim(str(paper.links.paper)),
    }
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
    return f"@{layout.entry}{{{paper.id},\n" + ",\n".join(lines) + "\n}"


def export(registry: Registry) -> str:
    """One BibTeX file with all papers.

    Args:
        registry: What to export.

    Returns:
        The text of the file.
    """
    return "".join(f"{entry(paper)}\n\n" for paper in registry.papers.values()).removesuffix("\n")


def escape(text: str) -> str:
    """Text as LaTeX prints it literally, on one line.

    Args:
        text: Any text.

    Returns:
        LaTeX source.
    """
    return one_line(text).translate(_ESCAPES)


def _verbatim(text: str) -> str:
    return one_line(text).translate(_VERBATIM)


def _author(name: str) -> str:
    """Family name first, as the other formats split it; a name that BibTeX would take for more than one is braced."""
    if _citation.is_indivisible(name):
        return f"{{{escape(name)}}}"
    family, given, suffix = map(escape, _citation.split_name(name))
    return ", ".join(part for part in (family, suffix, given) if part)


EXPORTER = Exporter("BibTeX of all papers, for LaTeX", "downloads/papers.bib", "application/x-bibtex", export)
