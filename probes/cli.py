"""The command group probe, attached to headatlas by an entry point; imports torch only to measure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import probes
from probes import detectors
from probes import sweep as sweeps
from probes.circuits import commands as circuit_commands
from probes.errors import BadInputError, InterruptedRunError, InterruptedSweepError
from probes.options import (
    AllowPickle,
    Device,
    Dtype,
    Json,
    Model,
    ModelName,
    Revision,
    TrustRemoteCode,
    check_writable,
    print_plugins,
)
from probes.relations import commands as relation_commands
from probes.standard import DTYPE, DTYPE_NAMES, HALF_LENGTH, N_SAMPLES, SEED
from probes.workers import Engine

if TYPE_CHECKING:
    from probes.finished import FinishedRuns
    from probes.scores import HeadScores, Results

ALL = "all"
"""Stands for all detectors that can be run."""

HalfLength = Annotated[int, typer.Option(help="Random tokens that are repeated.")]
Samples = Annotated[int, typer.Option("--samples", help="Number of random samples.")]
Seed = Annotated[int, typer.Option(help="Seed of the random tokens and of the null.")]

app = typer.Typer(help="Measure attention heads of a model.", no_args_is_help=True)
circuit_commands.attach(app)
relation_commands.attach(app)


@app.command("list")
def list_detectors(as_json: Json = False) -> None:
    """List the detectors. Example: headatlas probe list."""
    print_plugins(detectors.names(), detectors.describe, as_json=as_json)


@app.command("describe")
def describe(name: Annotated[str, typer.Argument(help="Name of a detector.")]) -> None:
    """Say what a detector measures and which papers are on it. Example: headatlas probe describe induction."""
    from catalog.registry import Registry

    typer.echo(detectors.describe(name))
    if find_spec("torch") is not None:
        from probes.statistics import FALSE_DISCOVERY_RATE

        detector = detectors.load(name)
        threshold = f"Called from a score of {detector.threshold} ({detector.threshold_source})"
        typer.echo(f"\n{threshold}, if q is at most {FALSE_DISCOVERY_RATE}.")
    registry = Registry.load()
    for head_type in registry.head_types.values():
        if name in head_type.detectors:
            typer.echo(f"\n{head_type.name}: {head_type.definition}\n\nPapers:")
            for paper in registry.papers_on(head_type.id):
                typer.echo(f"  {paper.id}: {paper.title} ({paper.short_citation})")


@app.command("run")
def run(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DETECTOR]...", help='Detectors to run; "all", or none named: all that can be run.'),
    ] = None,
    model: Model = "demo",
    revision: Revision = None,
    texts: Annotated[
        Path | None, typer.Option(help="Text file to read in place of random tokens, one sample a line.")
    ] = None,
    length: Annotated[int | None, typer.Option(help="Tokens to keep of each text; the shortest if left out.")] = None,
    half_length: HalfLength = HALF_LENGTH,
    n_samples: Samples = N_SAMPLES,
    seed: Seed = SEED,
    device: Device = "auto",
    dtype: Dtype = DTYPE,
    trust_remote_code: TrustRemoteCode = False,
    allow_pickle: AllowPickle = False,
    measure_again: Annotated[bool, typer.Option("--again", help="Measure what is finished already once more.")] = False,
    name: ModelName = None,
    output: Annotated[Path | None, typer.Option(help="Folder of all runs; data/runs if left out.")] = None,
    top: Annotated[int, typer.Option(help="How many heads to print.")] = 10,
    as_json: Json = False,
) -> None:
    """Measure every head of a model and record the run. Example: headatlas probe run induction --model demo.

    The standard run (random tokens, no other settings) goes to data/runs/<model>/<detector>.json. Any other run is
    only recorded with --output, so that it does not take the place of the standard one. Every run is written as soon as
    it is finished; the same command again goes on where it was stopped.
    """
    from catalog.files import runs_folder

    wanted = _wanted(names)
    standard = (HALF_LENGTH, N_SAMPLES, SEED, DTYPE)
    dtype = DTYPE_NAMES.get(dtype, dtype)
    is_standard = texts is None and (half_length, n_samples, seed, dtype) == standard
    folder = output or (runs_folder() if is_standard else None)
    samples = None if texts is None else _read_lines(texts)
    if folder is not None:
        check_writable(folder)
    keep = _keep(folder, measure_again=measure_again)
    try:
        loaded = probes.load_model(
            model,
            revision=revision,
            device=device,
            dtype=dtype,
            name=name,
            trust_remote_code=trust_remote_code,
            allow_pickle=allow_pickle,
        )
        results = probes.run(
            loaded,
            wanted,
            texts=samples,
            length=length,
            half_length=half_length,
            n_samples=n_samples,
            seed=seed,
            keep=keep,
        )
    except KeyboardInterrupt:
        raise InterruptedRunError(folder, keep.n_finished if keep else 0) from None
    from probes.peak_memory import peak_memory  # torch was found by now

    _print_results(results, top, as_json)
    for detector, reason in results.left_out.items():
        typer.echo(f"left out: {detector}: {reason}", err=True)
    if folder is None:
        typer.echo("not recorded: this is not the standard run; to keep it, name a folder with --output", err=True)
    typer.echo(f"peak memory: {peak_memory(loaded.device)}", err=True)


@app.command("ablate")
def ablate(
    model: Model = "demo",
    head_type: Annotated[str | None, typer.Option(help="Only heads of this type, such as induction.")] = None,
    name: ModelName = None,
    output: Annotated[Path | None, typer.Option(help="Folder of all effects; data/effects if left out.")] = None,
) -> None:
    """Take out the heads of a type and record what papers say it changes. Example: headatlas probe ablate --model demo.

    The heads are those that the first detector of the type calls. Each is replaced by its mean output; the comparison
    is with as many random heads. The records give claims of form "effect" their verdicts.
    """
    from catalog.effects import write_effect
    from catalog.files import runs_folder
    from catalog.registry import Registry
    from probes.claimed_effects import ablate_type, claimed_effects

    registry = Registry.load()
    chosen = None if head_type is None else registry.head_type(head_type).id
    folder = output or runs_folder().with_name("effects")
    check_writable(folder)
    pairs = [(type_id, effect) for type_id, effect in claimed_effects(registry) if chosen in {None, type_id}]
    if not pairs:
        raise BadInputError(f"no claim on '{head_type}' names an effect that can be measured")
    loaded = probes.load_model(model, name=name)
    for type_id, effect in pairs:
        record = ablate_type(loaded, registry.head_types[type_id], effect)
        if record is None:
            typer.echo(f"{type_id}: no head is called, so none can be ablated", err=True)
            continue
        interval = record.interval
        change = f"{record.change:+.3g} {record.unit} ({interval.low:+.3g} to {interval.high:+.3g})"
        typer.echo(f"{type_id}, {len(record.heads)} heads: {record.metric} {change} against random heads")
        typer.echo(f"written: {write_effect(folder, record)}", err=True)


@app.command("sweep")
def sweep(
    models: Annotated[
        Path, typer.Option(help="Text file with one model a line; Hugging Face ids may end in @revision.")
    ],
    wanted: Annotated[str, typer.Option("--detectors", help='"all", or names with commas between them.')] = ALL,
    output: Annotated[Path, typer.Option(help="Folder of the sweep.")] = Path("sweep"),
    engine: Annotated[Engine, typer.Option(help="This process, processes, or workers of Ray.")] = Engine.HERE,
    n_workers: Annotated[int, typer.Option("--workers", min=1, help="Models at the same time; not with here.")] = 2,
    half_length: HalfLength = HALF_LENGTH,
    n_samples: Samples = N_SAMPLES,
    seed: Seed = SEED,
    device: Device = "auto",
    dtype: Dtype = DTYPE,
    trust_remote_code: TrustRemoteCode = False,
    allow_pickle: AllowPickle = False,
) -> None:
    """Measure many models. Example: headatlas probe sweep --models models.txt --engine ray --output sweep.

    Runs go to <output>/runs, the outcome of every model to <output>/sweep.json. The same command again does only what
    is missing. Exit code 1 if a model failed.
    """
    names = _wanted([name.strip() for name in wanted.split(",") if name.strip()])
    settings = sweeps.Settings(
        output=output,
        detectors=None if names is None else tuple(names),
        half_length=half_length,
        n_samples=n_samples,
        seed=seed,
        device=device,
        dtype=dtype,
        trust_remote_code=trust_remote_code,
        allow_pickle=allow_pickle,
    )
    wanted_models = sweeps.read_models(models)
    check_writable(output)
    try:
        outcomes = sweeps.sweep(wanted_models, settings, engine=engine, n_workers=n_workers, say=typer.echo)
    except KeyboardInterrupt:
        raise InterruptedSweepError(output) from None
    if any(outcome.status == "failed" for outcome in outcomes):
        raise typer.Exit(1)


@app.command("plot")
def plot(
    run_file: Annotated[Path, typer.Argument(metavar="RUN", help="JSON file of a run.")],
    output: Annotated[Path, typer.Option(help="The picture, ending in .svg or .png.")],
) -> None:
    """Draw a recorded run. Example: headatlas probe plot data/runs/gpt2/induction.json --output induction.svg."""
    typer.echo(probes.HeadScores.load(run_file).plot().save(output))


@app.command("docs")
def docs(
    output: Annotated[
        Path | None, typer.Option(help="Folder of the pages; site/docs/detectors of the clone if left out.")
    ] = None,
) -> None:
    """Write the pages of the site about detectors. Example: headatlas probe docs."""
    from catalog.files import project_folder
    from catalog.registry import Registry
    from probes import pages

    for path in pages.write(Registry.load(), output or project_folder() / "site" / "docs" / "detectors"):
        typer.echo(path)


def _wanted(names: list[str] | None) -> list[str] | None:
    """Names that exist, or None for all."""
    wanted = None if names in (None, [], [ALL]) else names
    for detector in wanted or []:
        detectors.describe(detector)
    return wanted


def _keep(folder: Path | None, *, measure_again: bool) -> FinishedRuns | None:
    if folder is None:
        return None
    return probes.FinishedRuns(folder, say=lambda line: typer.echo(line, err=True), measure_again=measure_again)


def _read_lines(path: Path) -> Sequence[str]:
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path}: cannot be read as text ({error})") from error
    if not lines:
        raise BadInputError(f"{path}: holds no text; write one sample a line")
    return lines


def _print_results(results: Results, top: int, as_json: bool) -> None:
    if as_json:
        records = [scores.run.model_dump(mode="json", exclude_none=True) for scores in results.values()]
        typer.echo(json.dumps(records))
        return
    for scores in results.values():
        _print_scores(scores, top)


def _print_scores(scores: HeadScores, top: int) -> None:
    from rich.console import Console
    from rich.table import Table

    run = scores.run
    n_heads = run.model.n_layers * run.model.n_heads
    typer.echo(f"{run.probe} on {run.model.name}: {len(scores.called())} of {n_heads} heads called")
    typer.echo(f"{run.n_samples} samples: {run.inputs}")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("head", "score", "± s.e.", "null", "q", "called"):
        table.add_column(name, justify="left" if name in {"head", "called"} else "right")
    for score in scores.top(top):
        table.add_row(
            str(score.head),
            f"{score.score:.3f}",
            f"{score.standard_error:.3f}",
            f"{score.null_score:.3f}",
            f"{score.q_value:.1e}",
            "yes" if score.is_called else "no",
        )
    Console().print(table, "")
