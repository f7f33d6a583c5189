"""Nothing vanishes: every id of the previous release exists, or a tombstone says what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field

from catalog.canonical.style import write_entry
from catalog.documents import Document
from catalog.errors import Code, Problem
from catalog.models import Day, Paper, Record, Text

Kind = Literal["paper", "head type", "claim"]
_FIELDS: dict[Kind, str] = {"paper": "papers", "head type": "head_types", "claim": "claims"}


class Released(Record):
    """Every id that a release of the catalogue holds."""

    version: Text = Field(description="Version of the release.")
    papers: list[Text] = Field(description="Ids of its papers.")
    head_types: list[Text] = Field(description="Ids of its head types.")
    claims: list[Text] = Field(description="Its claims as paper#claim.")


class Tombstone(Record):
    """What became of an entry that was released once and is gone."""

    id: Text = Field(description="Id that is gone; a claim as paper#claim.")
    kind: Kind = Field(description="What it named.")
    reason: Text = Field(description="Why it is gone.")
    date: Day = Field(description="Day on which it went (YYYY-MM-DD).")
    replaced_by: Text | None = Field(default=None, description="Id of the same kind that stands in its place, if any.")


def claim_name(paper_id: str, claim_id: str) -> str:
    """Name of a claim that is unique in the catalogue."""
    return f"{paper_id}#{claim_id}"


def check_releases(
    papers: Document, head_types: Document, released: Document, tombstones: Document
) -> Iterator[Problem]:
    """Released ids that are gone without a tombstone, and tombstones that are wrong.

    Args:
        papers: The document with the papers.
        head_types: The document with the head types.
        released: The document with the ids of the previous release; empty if there was none.
        tombstones: The document with the tombstones.

    Yields:
        The problems.
    """
    if papers.is_broken or head_types.is_broken:
        return
    present = _present(papers, head_types)
    buried = {(str(entry.get("kind")), str(entry.get("id"))) for _, entry in tombstones.entries()}
    yield from _vanished(released, present, buried)
    yield from _wrong_tombstones(tombstones, present)


def _present(papers: Document, head_types: Document) -> dict[Kind, set[str]]:
    papers_of = dict(papers.entries())
    claims = {
        claim_name(name, str(claim.get("id")))
        for (position, *_), name in papers.texts("id")
        for claim in _items(papers_of[int(position)].get("claims"))
        if isinstance(claim, dict)
    }
    ids = {name for _, name in papers.texts("id")}
    return {"paper": ids, "head type": {name for _, name in head_types.texts("id")}, "claim": claims}


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _vanished(released: Document, present: dict[Kind, set[str]], buried: set[tuple[str, str]]) -> Iterator[Problem]:
    mend = "bring it back (mark a paper with superseded_by), or say in tombstones.yaml what became of it"
    for position, entry in released.entries():
        for kind, field in _FIELDS.items():
            for index, name in enumerate(_items(entry.get(field))):
                paper_is_buried = kind == "claim" and ("paper", str(name).partition("#")[0]) in buried
                if name not in present[kind] and (kind, name) not in buried and not paper_is_buried:
                    message = f"{kind} '{name}' was released and is gone"
                    yield released.problem((position, field, index), Code.VANISHED, message, mend)


def _wrong_tombstones(tombstones: Document, present: dict[Kind, set[str]]) -> Iterator[Problem]:
    for position, entry in tombstones.entries():
        kind, name, replacement = str(entry.get("kind")), str(entry.get("id")), entry.get("replaced_by")
        known = next((ids for other, ids in present.items() if other == kind), set[str]())
        if name in known:
            message, mend = f"{kind} '{name}' is not gone", "delete the tombstone"
            yield tombstones.problem((position, "id"), Code.WRONG_TOMBSTONE, message, mend)
        if kind in _FIELDS and isinstance(replacement, str) and replacement not in known:
            message, mend = f"there is no {kind} '{replacement}'", "name an entry of the same kind that exists"
            yield tombstones.problem((position, "replaced_by"), Code.WRONG_TOMBSTONE, message, mend)


HEADER = """\
# Ids of the last release: what it named may be corrected or superseded, but does not vanish without a tombstone.
# Written by headatlas paper release; not edited by hand. CC0-1.0 (see LICENSE).

"""


def write_released(version: str, papers: list[Paper], head_types: list[str]) -> str:
    """Content of released.yaml.

    Args:
        version: Version of the release.
        papers: Its papers.
        head_types: Ids of its head types.

    Returns:
        The content of the file.
    """
    released = {
        "version": version,
        "papers": sorted(paper.id for paper in papers),
        "head_types": sorted(head_types),
        "claims": sorted(claim_name(paper.id, claim.id) for paper in papers for claim in paper.claims),
    }
    return HEADER + write_entry(released)
