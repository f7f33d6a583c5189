"""Command that searches: paper search."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from catalog.commands.base import Data, Json, load_registry, paper_app, plain, print_table


@paper_app.command("search")
def search(
    words: Annotated[list[str], typer.Argument(metavar="WORDS...")],
    limit: Annotated[int, typer.Option(min=1, help="Most papers to print.")] = 10,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Rank the papers by how well they fit some words. Example: headatlas paper search retrieval heads long context."""
    from catalog.search import search_papers

    query = " ".join(words)
    matches = search_papers(load_registry(data), query)
    if as_json:
        found = [{"score": round(score, 4), "paper": plain(paper)} for paper, score in matches[:limit]]
        typer.echo(json.dumps(found, ensure_ascii=False))
    elif matches:
        rows = ([f"{score:.2f}", paper.id, paper.title] for paper, score in matches[:limit])
        print_table(["score", "id", "title"], rows, unbroken=["score", "id"])
    if not matches:
        typer.echo(f"no paper holds any of these words: {query}; try others, or headatlas paper list", err=True)
        raise typer.Exit(1)
