"""Commands that ask arXiv: paper add, paper sync."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from catalog.commands.base import Data, Json, load_registry, paper_app, plain, print_table

if TYPE_CHECKING:
    from catalog.arxiv.drift import Drift
    from catalog.arxiv.lookup import ArxivLookup
    from catalog.arxiv.records import ArxivRecord
    from catalog.models import Paper


@paper_app.command("add")
def add(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID...", help="arXiv ids or addresses.")] = None,
    file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="File with one arXiv id a line.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the drafts, write nothing.")] = False,
    data: Data = None,
) -> None:
    """Draft entries from arXiv and put them into papers.yaml. Example: headatlas paper add 2404.15574."""
    from catalog.arxiv.drafts import insert_drafts
    from catalog.dates import today
    from catalog.files import own_folder
    from catalog.ids import parse_arxiv_ids

    texts = [*(ids or []), *(_read_ids(file) if file else [])]
    if not texts:
        raise typer.BadParameter("give arXiv ids, or a file of them with --file")
    folder = own_folder(data)
    wanted = _skip_known(parse_arxiv_ids(texts), folder)
    try:
        records = _fetch_all(wanted)
        drafts = insert_drafts(folder / "papers.yaml", records, today(), dry_run=dry_run)
    except BaseException:
        typer.echo("nothing was added; papers.yaml is as it was", err=True)
        raise
    _print_drafts(drafts, dry_run)


def _read_ids(file: Path) -> list[str]:
    lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    return [text for line in lines if (text := re.sub(r"(^|\s)#.*", "", line).strip())]


def _skip_known(ids: list[str], folder: Path) -> list[str]:
    """The ids that are new; says of the others where they are."""
    from catalog.arxiv.drafts import arxiv_ids_of, read_papers
    from catalog.documents import read_document

    known = arxiv_ids_of(entry for _, entry in read_papers(folder / "papers.yaml").entries())
    left_out = {
        entry.get("arxiv_id"): entry.get("reason")
        for _, entry in read_document(folder / "left_out.yaml", is_optional=True).entries()
    }
    for arxiv_id in ids:
        if arxiv_id in known:
            typer.echo(f"{arxiv_id} is in the catalogue: {known[arxiv_id]}", err=True)
        elif arxiv_id in left_out:
            reason = f"left out on purpose: {left_out[arxiv_id]}"
            typer.echo(f"{arxiv_id} was {reason} (take it out of left_out.yaml to add it)", err=True)
    return [arxiv_id for arxiv_id in ids if arxiv_id not in known and arxiv_id not in left_out]


def _fetch_all(ids: list[str]) -> list[ArxivRecord]:
    """Records of all ids, in their order.

    Raises:
        UnknownArxivIdError: arXiv does not know some of them.
        ArxivError: it could not be asked.
    """
    from catalog.errors import UnknownArxivIdError

    found: dict[str, ArxivRecord] = {}
    if ids:
        with closing(_make_lookup()) as lookup:
            for batch in _batches(ids, "Asking arXiv"):
                found |= lookup.fetch(batch)
    if unknown := [arxiv_id for arxiv_id in ids if arxiv_id not in found]:
        raise UnknownArxivIdError(unknown)
    return [found[arxiv_id] for arxiv_id in ids]


def _make_lookup() -> ArxivLookup:
    from catalog.arxiv.lookup import ArxivLookup

    return ArxivLookup(on_wait=lambda message: typer.echo(message, err=True))


def _batches(ids: Sequence[str], title: str) -> Iterator[Sequence[str]]:
    """Batches of ids, with a progress bar on stderr if there are several."""
    from rich.console import Console
    from rich.progress import track

    from catalog.arxiv.lookup import BATCH

    batches = [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]
    yield from track(batches, title, console=Console(stderr=True), transient=True, disable=len(batches) < 2)


def _print_drafts(drafts: list[Paper], dry_run: bool) -> None:
    from catalog.arxiv.drafts import find_placeholders
    from catalog.canonical.formatting import dump_entry

    if not drafts:
        typer.echo("nothing to add")
        return
    if dry_run:
        typer.echo("\n".join(map(dump_entry, drafts)), nl=False)
        return
    for draft in drafts:
        typer.echo(f"{draft.id}: {draft.title}")
    fields = [".".join(map(str, path)) for path in find_placeholders(plain(drafts[0]))]
    entries = "1 draft was" if len(drafts) == 1 else f"{len(drafts)} drafts were"
    typer.echo(f"{entries} added to papers.yaml. Still to be written: {', '.join(fields)}.")
    typer.echo("To look at: id, summary.written_by, head_types, models, tags, links. Then: headatlas paper validate")


@paper_app.command("sync")
def sync(
    ids: Annotated[list[str] | None, typer.Option(help="Only these papers: ids or arXiv ids, with commas.")] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Report where arXiv has moved on; exit 1 if there is trouble. Example: headatlas paper sync --ids 2404.15574."""
    registry = load_registry(data)
    names = [name.strip() for text in ids or [] for name in text.split(",") if name.strip()]
    papers = [registry.paper(name) for name in names] or list(registry.papers.values())
    on_arxiv = [paper for paper in papers if paper.arxiv_id]
    drifts, troubles = _compare(on_arxiv)
    without = [paper.id for paper in papers if not paper.arxiv_id]
    if names:
        troubles |= dict.fromkeys(without, "has no arXiv id")
    _print_drifts(drifts, troubles, as_json)
    n_compared = len(on_arxiv) - sum(paper.id in troubles for paper in on_arxiv)
    n_differ = len({drift.paper for drift in drifts})
    counts = f"{n_compared} compared, {n_differ} differ, {len(troubles)} with trouble, {len(without)} not on arXiv"
    typer.echo(counts, err=True)
    if troubles:
        raise typer.Exit(1)


def _compare(papers: list[Paper]) -> tuple[list[Drift], dict[str, str]]:
    """Differences, and what hindered a comparison by paper id.

    Raises:
        ArxivError: not one paper could be compared.
    """
    from catalog.arxiv.drift import find_drift
    from catalog.errors import ArxivIdError
    from catalog.ids import parse_arxiv_id

    troubles: dict[str, str] = {}
    wanted: dict[str, Paper] = {}
    for paper in papers:
        try:
            wanted[parse_arxiv_id(paper.arxiv_id or "")] = paper
        except ArxivIdError as error:
            troubles[paper.id] = str(error)
    records, trouble = _fetch_some(list(wanted))
    troubles |= {paper.id: trouble for arxiv_id, paper in wanted.items() if arxiv_id not in records}
    drifts = [drift for arxiv_id, record in records.items() for drift in find_drift(wanted[arxiv_id], record)]
    return drifts, troubles


def _fetch_some(ids: list[str]) -> tuple[dict[str, ArxivRecord], str]:
    """Records of the ids that could be had, and what is wrong with the others.

    Raises:
        ArxivError: not one could be had.
    """
    from catalog.errors import ArxivError

    found: dict[str, ArxivRecord] = {}
    if not ids:
        return found, ""
    with closing(_make_lookup()) as lookup:
        try:
            for batch in _batches(ids, "Comparing with arXiv"):
                found |= lookup.fetch(batch)
        except ArxivError as error:
            if not found:
                raise
            return found, f"not compared, because arXiv stopped answering: {error}"
    return found, "arXiv has no complete entry for it"


def _print_drifts(drifts: list[Drift], troubles: dict[str, str], as_json: bool) -> None:
    if as_json:
        report: dict[str, Any] = {"drift": [plain(drift) for drift in drifts], "trouble": troubles}
        typer.echo(json.dumps(report, ensure_ascii=False))
        return
    rows = [[drift.paper, drift.what, drift.ours or "", drift.arxiv] for drift in drifts]
    rows += [[name, "trouble", "", reason] for name, reason in troubles.items()]
    if rows:
        print_table(["paper", "what", "catalogue", "arXiv"], rows, unbroken=["paper", "what"])
