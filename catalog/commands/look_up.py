"""Commands that look something up: paper list, paper show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from catalog.commands.base import Data, Json, load_registry, paper_app, plain, print_table

if TYPE_CHECKING:
    from catalog.models import Claim


@paper_app.command("list")
def list_papers(
    head_type: Annotated[str | None, typer.Option(help="Only papers on this head type, such as induction.")] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List the papers, newest first. Example: headatlas paper list --head-type induction."""
    registry = load_registry(data)
    if head_type is not None:
        papers = registry.papers_on(registry.head_type(head_type).id)
    else:
        papers = sorted(registry.papers.values(), key=lambda paper: (paper.date, paper.id), reverse=True)
    if as_json:
        typer.echo(json.dumps([plain(paper) for paper in papers], ensure_ascii=False))
        return
    rows = ([paper.date, paper.id, paper.title] for paper in papers)
    print_table(["date", "id", "title"], rows, unbroken=["date", "id"])


@paper_app.command("show")
def show(paper_id: Annotated[str, typer.Argument(metavar="ID")], data: Data = None, as_json: Json = False) -> None:
    """Show one paper by its id or arXiv id. Example: headatlas paper show olsson-2022-induction."""
    from catalog.texts import authorship

    registry = load_registry(data)
    paper = registry.paper(paper_id)
    if as_json:
        typer.echo(json.dumps(plain(paper), ensure_ascii=False))
        return
    lines = [
        paper.title,
        ", ".join(paper.authors),
        " · ".join(part for part in (paper.date, paper.venue, str(paper.links.paper)) if part),
        "",
        f"New: {paper.summary.innovation}",
        f"Done: {paper.summary.tasks}",
        f"Found: {paper.summary.result}",
        f"({authorship(paper.summary)})",
        "",
        f"Head types: {', '.join(paper.head_types) or 'none'}",
        "Claims:",
        *(f"  {claim.id} [{claim.form}]: {_claim_text(claim)}" for claim in paper.claims),
    ]
    typer.echo("\n".join(lines))


def _claim_text(claim: Claim) -> str:
    heads = f" ({', '.join(claim.heads)} of {claim.model})" if claim.form == "heads" else ""
    return f"{claim.statement}{heads}"
