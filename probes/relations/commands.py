"""The commands about relations: which heads implement them, and what one head does; torch is imported to measure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import probes
from catalog.runs import at
from probes.errors import InterruptedRunError, RunNotSavedError
from probes.options import AllowPickle, Json, Model, ModelName, TrustRemoteCode, check_writable
from probes.standard import DTYPE, DTYPE_NAMES, SEED

if TYPE_CHECKING:
    from catalog.relation_runs import RelationRun, Sign
    from catalog.relations import Relation

Rows = Annotated[
    Literal["first_mlp", "raw"],
    typer.Option(help="What stands for a word in front of later layers: output of the first MLP, or its embedding."),
]
Residual = Annotated[bool, typer.Option("--residual", help="Add the embedding to the output of the first MLP.")]
FoldNorms = Annotated[bool, typer.Option("--fold-norms", help="Fold in gain and centring of the norms.")]
WantedRelations = Annotated[
    list[str] | None, typer.Option("--relation", help="Only this relation; may be given several times.")
]


def attach(app: typer.Typer) -> None:
    """Add the commands to their group.

    Args:
        app: The group probe.
    """
    app.command("relations")(relations)


def relations(
    wanted: WantedRelations = None,
    model: Model = "demo",
    rows: Rows = "first_mlp",
    residual: Residual = False,
    fold_norms: FoldNorms = False,
    least_pairs: Annotated[int | None, typer.Option(help="Pairs that must be left by the tokenizer; 30.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random maps.")] = SEED,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    dtype: Annotated[str, typer.Option(help="Number format: fp32, bf16 or fp16.")] = DTYPE,
    trust_remote_code: TrustRemoteCode = False,
    allow_pickle: AllowPickle = False,
    name: ModelName = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder of all relation runs; data/relation_runs if left out.")
    ] = None,
    measure_again: Annotated[bool, typer.Option("--again", help="Measure what is finished already once more.")] = False,
    top: Annotated[int, typer.Option(help="How many heads to print.")] = 5,
    as_json: Json = False,
) -> None:
    """Find the heads that map words to their counterparts. Example: headatlas probe relations --relation antonym.

    The weights alone are read, no text. The standard run (no other settings) goes to
    data/relation_runs/<model>/<relation>.json; any other is only recorded with --output. What is recorded for the same
    weights, pairs and code is not measured again.
    """
    from catalog.files import runs_folder
    from catalog.relation_runs import LEAST_PAIRS
    from probes.relations.measure import RelationSettings, measure_relations
    from probes.relations.source_vectors import MapOptions

    chosen = chosen_relations(wanted)
    options = MapOptions(rows, is_residual_added=residual, are_norms_folded=fold_norms)
    settings = RelationSettings(options, seed=seed, least_pairs=LEAST_PAIRS if least_pairs is None else least_pairs)
    dtype = DTYPE_NAMES.get(dtype, dtype)
    is_standard = settings == RelationSettings() and dtype == DTYPE
    folder = output or (runs_folder().with_name("relation_runs") if is_standard else None)
    if folder is not None:
        check_writable(folder)
    n_written = 0
    try:
        loaded = probes.load_model(
            model,
            device=device,
            dtype=dtype,
            name=name,
            trust_remote_code=trust_remote_code,
            allow_pickle=allow_pickle,
        )
        runs = measure_relations(loaded, chosen, settings, finished=None if measure_again else folder)
        for run in runs:
            if folder is not None:
                write(folder, run)
                n_written += 1
    except KeyboardInterrupt:
        raise InterruptedRunError(folder, n_written, "relations") from None
    if as_json:
        typer.echo(json.dumps([run.model_dump(mode="json", exclude_none=True) for run in runs]))
    else:
        for run in runs:
            print_run(run, top)
    if folder is None:
        typer.echo(
            "not recorded: these are not the standard settings; to keep it, name a folder with --output", err=True
        )


def chosen_relations(wanted: list[str] | None) -> list[Relation]:
    """Relations by id; all of the catalogue if none is named."""
    from catalog.errors import UnknownIdError
    from catalog.relations import read_relations

    known = read_relations()
    for relation in wanted or ():
        if relation not in known:
            raise UnknownIdError("relation", relation, known)
    return [known[relation] for relation in dict.fromkeys(wanted or known)]


def write(folder: Path, run: RelationRun) -> None:
    """Write a run and say so."""
    from catalog.relation_runs import write_relation_run

    try:
        path, is_new = write_relation_run(folder, run)
    except OSError as error:
        raise RunNotSavedError(folder, error.strerror or str(error)) from error
    typer.echo(f"{'written' if is_new else 'confirmed, nothing changed'}: {path}", err=True)


def print_run(run: RelationRun, top: int) -> None:
    """Print what is left of a relation, and its best heads with each sign."""
    left = f"{run.n_pairs} of {run.n_candidates} pairs are left by the tokenizer, {run.n_targets} targets"
    typer.echo(f"\n{run.relation} on {run.model.name}: {left}")
    if not run.is_defined:
        typer.echo(f"not defined: at least {run.least_pairs} pairs are needed")
        return
    for sign in ("writes", "suppresses"):
        _print_sign(run, sign, top)


def _print_sign(run: RelationRun, sign: Sign, top: int) -> None:
    from rich.console import Console
    from rich.table import Table

    typer.echo(f"{sign}, top {run.k}: {len(run.called(sign))} heads called")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("head", "score", "± s.e.", "no head", "best random", "q", "called"):
        table.add_column(title, justify="left" if title in {"head", "called"} else "right")
    for name in run.ranked(sign)[:top]:
        table.add_row(
            str(name),
            f"{run.score(name, sign):.3f}",
            f"{run.standard_error(name, sign):.3f}",
            f"{run.no_head(name, sign):.3f}",
            f"{max(run.random(name, sign)):.3f}",
            f"{at(run.signed(sign).q_values, name):.1e}",
            "yes" if run.is_called(name, sign) else "no",
        )
    Console().print(table)
