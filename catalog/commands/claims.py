"""The ledger of claims and their verdicts: paper claims."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from catalog.commands.base import Data, Json, load_registry, paper_app, plain, print_table

if TYPE_CHECKING:
    from catalog.claims import Check


@paper_app.command("claims")
def claims(
    model: Annotated[str | None, typer.Option(help="Only this model, by Hugging Face id, name or slug.")] = None,
    verdict: Annotated[str | None, typer.Option(help="Only this verdict, such as 'not reproduced'.")] = None,
    paper: Annotated[str | None, typer.Option(help="Only this paper, by id or arXiv id.")] = None,
    head_type: Annotated[str | None, typer.Option(help="Only this head type, such as induction.")] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Print every claim with the verdict of the runs. Example: headatlas paper claims --model gpt2."""
    from catalog.claims import Verdict, ledger

    registry = load_registry(data)
    checks = ledger(registry)
    wanted: list[Callable[[Check], bool]] = []
    if model is not None:
        names = _known(model, {name for check in checks for name in _models(check)}, "model")
        wanted.append(lambda check: bool(names & _models(check)))
    if verdict is not None:
        verdicts = _known(verdict, set(Verdict), "verdict")
        wanted.append(lambda check: check.verdict in verdicts)
    if paper is not None:
        paper_id = registry.paper(paper).id
        wanted.append(lambda check: check.paper.id == paper_id)
    if head_type is not None:
        type_id = registry.head_type(head_type).id
        wanted.append(lambda check: check.claim.head_type == type_id)
    chosen = [check for check in checks if all(test(check) for test in wanted)]
    if as_json:
        typer.echo(json.dumps([_as_json(check) for check in chosen], ensure_ascii=False))
        return
    columns = ["verdict", "paper and claim", "measured", "why"]
    print_table(columns, map(_row, chosen), unbroken=["verdict"])
    counts = Counter(check.verdict for check in chosen)
    typer.echo(", ".join(f"{counts[each]} {each}" for each in Verdict if counts[each]) or "no claim", err=True)


def _models(check: Check) -> set[str]:
    """Every name of the model that a line is about: the claimed one and the measured one."""
    claimed = getattr(check.claim, "model", None)
    measured = check.model
    names = {claimed} if measured is None else {claimed, measured.hub_id, measured.name, measured.slug}
    return {name for name in names if name}


def _known(wanted: str, known: set[str], kind: str) -> set[str]:
    """The names that a wish means, whatever its capitals; the last part of a Hugging Face id is enough."""
    from catalog.errors import UnknownIdError

    found = {name for name in known if wanted.casefold() in {name.casefold(), name.casefold().rpartition("/")[2]}}
    if not found:
        raise UnknownIdError(kind, wanted, known)
    return found


def _row(check: Check) -> list[str]:
    measured = f"{check.model.slug}, {check.measured_by}" if check.model else check.measured_by or ""
    return [check.verdict, f"{check.paper.id}#{check.claim.id}", measured, check.reason]


def _as_json(check: Check) -> dict[str, Any]:
    return {
        "paper": check.paper.id,
        "arxiv_id": check.paper.arxiv_id,
        "claim": plain(check.claim),
        "verdict": check.verdict,
        "reason": check.reason,
        "measured_model": check.model and check.model.slug,
        "measured_by": check.measured_by,
        "numbers": check.numbers,
    }
