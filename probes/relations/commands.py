"""The commands about relations: which heads implement them, and what one head does; torch is imported to measure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import probes
from probes.errors import BadInputError, InterruptedRunError, RunNotSavedError
from probes.options import AllowPickle, Device, Dtype, Json, Model, ModelName, TrustRemoteCode, check_writable
from probes.relations.printing import print_check, print_operations, print_run
from probes.standard import DTYPE, DTYPE_NAMES, SEED

if TYPE_CHECKING:
    from catalog.relation_checks import RelationCheck
    from catalog.relation_runs import RelationRun
    from catalog.relations import Relation
    from probes.relations.describers.base import Describer

Rows = Annotated[
    Literal["first_mlp", "raw"],
    typer.Option(help="What stands for a word in front of later layers: output of the first MLP, or its embedding."),
]
Residual = Annotated[bool, typer.Option("--residual", help="Add the embedding to the output of the first MLP.")]
FoldNorms = Annotated[bool, typer.Option("--fold-norms", help="Fold in gain and centring of the norms.")]
RelationRuns = Annotated[Path | None, typer.Option(help="Folder of all relation runs; data/relation_runs if left out.")]
WantedRelations = Annotated[
    list[str] | None, typer.Option("--relation", help="Only this relation; may be given several times.")
]


def attach(app: typer.Typer) -> None:
    """Add the commands to their group.

    Args:
        app: The group probe.
    """
    app.command("relations")(relations)
    app.command("describe-head")(describe_head)
    app.command("check-relations")(check_relations)


def relations(
    wanted: WantedRelations = None,
    model: Model = "demo",
    rows: Rows = "first_mlp",
    residual: Residual = False,
    fold_norms: FoldNorms = False,
    least_pairs: Annotated[int | None, typer.Option(help="Pairs that must be left by the tokenizer; 30.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random maps.")] = SEED,
    device: Device = "auto",
    dtype: Dtype = DTYPE,
    trust_remote_code: TrustRemoteCode = False,
    allow_pickle: AllowPickle = False,
    name: ModelName = None,
    output: RelationRuns = None,
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


def describe_head(
    head: Annotated[str, typer.Argument(help="Layer and head, counted from 0, such as L23H2.")],
    model: Model = "demo",
    describer: Annotated[
        Literal["rule", "endpoint", "local"], typer.Option(help="Who puts it into words: our rule or a language model.")
    ] = "rule",
    endpoint: Annotated[
        str | None, typer.Option(help="OpenAI-compatible address for --describer endpoint, up to /v1.")
    ] = None,
    describer_model: Annotated[
        str | None, typer.Option(help="Model behind the endpoint; for --describer local, a model as in --model.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds that an endpoint may take.")] = 60.0,
    device: Device = "auto",
    trust_remote_code: TrustRemoteCode = False,
    allow_pickle: AllowPickle = False,
    name: ModelName = None,
    runs: RelationRuns = None,
    output: Annotated[Path | None, typer.Option(help="Folder to keep the description in.")] = None,
    as_json: Json = False,
) -> None:
    """Say what one head does by its weights. Example: headatlas probe describe-head L23H2 --model demo.

    Its most salient tokens with what it makes of them, the relations whose score stands out, and heads with the most
    similar maps. Relations that are not recorded yet are measured first. A key for the endpoint is taken from the
    environment variable HEADATLAS_DESCRIBER_KEY.
    """
    from catalog.files import runs_folder
    from catalog.head_operations import write_head_operations
    from catalog.ids import HeadName
    from probes.relations import describe_head as describing
    from probes.relations.measure import measure_relations

    try:
        wanted = HeadName.parse(head)
    except ValueError as error:
        raise BadInputError(str(error)) from error
    folder = runs or runs_folder().with_name("relation_runs")
    for place in filter(None, (folder, output)):
        check_writable(place)
    who = _describer(describer, endpoint, describer_model, timeout)
    loaded = probes.load_model(
        model, device=device, name=name, trust_remote_code=trust_remote_code, allow_pickle=allow_pickle
    )
    describing.check_head(loaded, wanted)
    measured = measure_relations(loaded, chosen_relations(None), finished=folder)
    for run in measured:
        write(folder, run, is_told=False)
    record = describing.describe_head(loaded, wanted, measured, describer=who)
    if output is not None:
        try:
            typer.echo(f"written: {write_head_operations(output, record)}", err=True)
        except OSError as error:
            raise RunNotSavedError(output, error.strerror or str(error)) from error
    if as_json:
        typer.echo(json.dumps(record.model_dump(mode="json", exclude_none=True)))
    else:
        print_operations(record)


def check_relations(
    wanted: WantedRelations = None,
    model: Model = "demo",
    most_pairs: Annotated[int, typer.Option("--pairs", min=2, help="No more pairs than these of each relation.")] = 64,
    device: Device = "auto",
    trust_remote_code: TrustRemoteCode = False,
    allow_pickle: AllowPickle = False,
    name: ModelName = None,
    runs: RelationRuns = None,
    output: Annotated[Path | None, typer.Option(help="Folder of all checks; data/relation_checks if left out.")] = None,
    as_json: Json = False,
) -> None:
    """Hold scores of relations against behaviour. Example: headatlas probe check-relations --relation antonym.

    Two tests: do heads write on text what their weights say, and is the answer lost when the best heads are off at the
    last position, random heads and other relations beside them? Relations named together are each other's controls.
    """
    from catalog.files import runs_folder
    from catalog.relation_checks import write_relation_check
    from probes.relations.behaviour import check_relations as check
    from probes.relations.measure import measure_relations

    folder, checks = (
        place or runs_folder().with_name(default)
        for place, default in ((runs, "relation_runs"), (output, "relation_checks"))
    )
    for place in (folder, checks):
        check_writable(place)
    chosen = chosen_relations(wanted)
    loaded = probes.load_model(
        model, device=device, name=name, trust_remote_code=trust_remote_code, allow_pickle=allow_pickle
    )
    measured = measure_relations(loaded, chosen, finished=folder)
    for run in measured:
        write(folder, run, is_told=False)
        if not run.is_defined:
            typer.echo(f"left out: {run.relation}: {run.n_pairs} pairs, {run.least_pairs} are needed", err=True)
    defined = {run.relation: run for run in measured if run.is_defined}
    kept = [relation for relation in chosen if relation.id in defined]
    n_written = 0

    def keep(record: RelationCheck) -> None:
        nonlocal n_written
        try:
            typer.echo(f"written: {write_relation_check(checks, record)}", err=True)
        except OSError as error:
            raise RunNotSavedError(checks, error.strerror or str(error)) from error
        n_written += 1

    try:
        records = check(loaded, kept, list(defined.values()), most_pairs=most_pairs, keep=keep)
    except KeyboardInterrupt:
        raise InterruptedRunError(checks, n_written, "relations") from None
    if as_json:
        typer.echo(json.dumps([record.model_dump(mode="json", exclude_none=True) for record in records]))
        return
    for record in records:
        print_check(record)


def _describer(kind: str, endpoint: str | None, model: str | None, timeout: float) -> Describer | None:
    """Who describes; None for our rule."""
    if kind == "rule":
        return None
    if model is None or (kind == "endpoint" and endpoint is None):
        needed = "--endpoint and --describer-model" if kind == "endpoint" else "--describer-model"
        raise BadInputError(f"--describer {kind} needs {needed}")
    if kind == "endpoint" and endpoint is not None:
        from probes.relations.describers.endpoint import EndpointDescriber

        return EndpointDescriber(endpoint, model, timeout=timeout)
    from probes.relations.describers.local import LocalDescriber

    return LocalDescriber(probes.load_model(model))


def chosen_relations(wanted: list[str] | None) -> list[Relation]:
    """Relations by id; all of the catalogue if none is named."""
    from catalog.errors import UnknownIdError
    from catalog.relations import read_relations

    known = read_relations()
    for relation in wanted or ():
        if relation not in known:
            raise UnknownIdError("relation", relation, known)
    return [known[relation] for relation in dict.fromkeys(wanted or known)]


def write(folder: Path, run: RelationRun, *, is_told: bool = True) -> None:
    """Write a run and say so."""
    from catalog.relation_runs import write_relation_run

    try:
        path, is_new = write_relation_run(folder, run)
    except OSError as error:
        raise RunNotSavedError(folder, error.strerror or str(error)) from error
    if is_new or is_told:
        typer.echo(f"{'written' if is_new else 'confirmed, nothing changed'}: {path}", err=True)
