"""The command group experiment, attached to headatlas by an entry point; imports torch only to train."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from probes import experiments
from probes.errors import BadInputError, InterruptedExperimentError, InterruptedSweepError
from probes.options import Json, print_plugins
from probes.workers import Engine

if TYPE_CHECKING:
    from catalog.experiments import ExperimentRun

Name = Annotated[str, typer.Argument(help="Name of an experiment.")]
Seeds = Annotated[str, typer.Option(help="How many seeds, from 0 on; or the seeds, such as 0,3,7.")]
Device = Annotated[str, typer.Option(help="auto (cuda, else mps, else cpu), cpu, cuda:1, ...")]
Chosen = Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting; may be repeated.")]

app = typer.Typer(help="Train small transformers that answer a question.", no_args_is_help=True)


@app.command("list")
def list_experiments(as_json: Json = False) -> None:
    """List the experiments. Example: headatlas experiment list."""
    print_plugins(experiments.names(), experiments.describe, as_json=as_json)


@app.command("describe")
def describe(name: Name, as_json: Json = False) -> None:
    """Say what an experiment asks, and its settings. Example: headatlas experiment describe counting.

    With --json it prints a file of settings that run takes with --settings.
    """
    described = experiments.describe(name)
    experiment = experiments.load(name)
    defaults = experiment.settings().record()
    if as_json:
        version = experiment.settings.version
        typer.echo(json.dumps({"experiment": name, "settings_version": version, "settings": defaults}, indent=2))
        return
    typer.echo(f"{described}\n\nSettings:")
    width = max(map(len, defaults))
    for setting, description in experiment.settings.descriptions().items():
        typer.echo(f"  {setting:{width}}  {description} Default: {json.dumps(defaults[setting])}.")
    typer.echo("\nOur choices:")
    for choice in experiment.choices:
        typer.echo(f"  {choice}")


@app.command("run")
def run(
    name: Name,
    seeds: Seeds = "5",
    device: Device = "auto",
    chosen: Chosen = None,
    settings_file: Annotated[
        Path | None, typer.Option("--settings", help="JSON file of settings, as describe --json prints it.")
    ] = None,
    stacked: Annotated[
        bool | None, typer.Option("--stacked/--one-by-one", help="All seeds in one program; left out, on a GPU.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Do finished seeds once more.")] = False,
    work: Annotated[
        Path | None, typer.Option(help="Folder for weights and checkpoints; the user's cache if left out.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Folder of all records; data/experiments if left out.")] = None,
    as_json: Json = False,
) -> None:
    """Run an experiment and record it. Example: headatlas experiment run counting --seeds 5 --set n_heads=8.

    Seeds are kept as they are finished and trainings at every evaluation; the same command again goes on from there.
    """
    from probes.experiments.base import Place

    experiment = experiments.load(name)
    pairs = dict(map(_pair, chosen or []))
    if settings_file is not None:
        pairs = experiment.settings.read(settings_file, name).record() | pairs
    settings = experiment.settings.make(pairs)
    place = Place(device=device, is_stacked=stacked, work=work, progress=True, again=again)
    try:
        report = experiment.run_with(settings, _seeds(seeds), place)
    except KeyboardInterrupt:
        raise InterruptedExperimentError from None
    path = report.save(output)
    if as_json:
        typer.echo(report.run.model_dump_json(exclude_none=True))
    else:
        _print_run(report.run)
    typer.echo(f"written: {path}\nweights: {report.weights}", err=True)


@app.command("sweep")
def sweep(
    name: Name,
    seeds: Seeds = "5",
    chosen: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE,...", help="A setting and all values to try; may be repeated."),
    ] = None,
    engine: Annotated[Engine, typer.Option(help="This process, processes, or workers of Ray.")] = Engine.PROCESSES,
    n_workers: Annotated[int, typer.Option("--workers", min=1, help="Seeds at the same time; not with here.")] = 2,
    device: Device = "auto",
    output: Annotated[Path, typer.Option(help="Folder of the sweep.")] = Path("sweep"),
) -> None:
    """Run an experiment under many settings. Example: headatlas experiment sweep counting --set n_heads=2,4,8.

    Records go to <output>/<experiment>. The same command again does only what is missing. Exit code 1 if a seed failed.
    """
    from probes import experiment_sweep

    values = {key: value.split(",") for key, value in map(_pair, chosen or [])}
    settings = experiment_sweep.grid(name, values)
    try:
        outcomes = experiment_sweep.sweep(
            name, settings, _seeds(seeds), output, engine=engine, n_workers=n_workers, device=device, say=typer.echo
        )
    except KeyboardInterrupt:
        raise InterruptedSweepError(output) from None
    if any(outcome.reason for outcome in outcomes):
        raise typer.Exit(1)


@app.command("show")
def show(
    name: Name,
    chosen: Chosen = None,
    figure: Annotated[str | None, typer.Option(help="A figure to draw of the first record.")] = None,
    picture: Annotated[Path | None, typer.Option(help="The picture, ending in .svg or .png.")] = None,
    records: Annotated[Path | None, typer.Option(help="Folder of all records; data/experiments if left out.")] = None,
    as_json: Json = False,
) -> None:
    """Show recorded results. Example: headatlas experiment show counting --set n_heads=8."""
    from catalog.experiments import read_experiments
    from catalog.files import data_folder
    from catalog.pictures.experiment_figures import draw

    experiments.describe(name)
    wanted = dict(map(_pair, chosen or []))
    folder = records or data_folder() / "experiments"
    found = [
        found
        for found in read_experiments(folder)
        if found.experiment == name
        and all(json.dumps(found.settings.get(key)).strip('"') == value for key, value in wanted.items())
    ]
    if not found:
        way_out = f"headatlas experiment run {name} makes one"
        raise BadInputError(f"{folder}: holds no such record of {name}; {way_out}")
    if (figure is None) != (picture is None):
        raise BadInputError("--figure and --picture belong together; give both or neither")
    if figure is not None and picture is not None:
        typer.echo(draw(found[0], figure).save(picture))
    elif as_json:
        typer.echo(json.dumps([run.model_dump(mode="json", exclude_none=True) for run in found]))
    else:
        for run in found:
            _print_run(run)


def _pair(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise BadInputError(f"--set '{text}': write NAME=VALUE, such as --set n_heads=8")
    return name, value


def _seeds(text: str) -> list[int]:
    try:
        numbers = [int(number) for number in text.removesuffix(",").split(",")]
    except ValueError:
        raise BadInputError(f"--seeds '{text}': write a number such as 5, or seeds such as 0,3,7") from None
    return numbers if "," in text else list(range(numbers[0]))


def _print_run(run: ExperimentRun) -> None:
    from rich.console import Console
    from rich.table import Table

    settings = ", ".join(f"{name} {json.dumps(value)}" for name, value in run.settings.items())
    typer.echo(f"{run.experiment}: {run.question}\nseeds {', '.join(map(str, run.seeds))}; {settings}")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("mean", "± s.d.", "metric", "what it is"):
        table.add_column(head, justify="left" if head in {"metric", "what it is"} else "right")
    for name, metric in run.metrics.items():
        spread = "" if metric.spread is None else f"{metric.spread:.3f}"
        table.add_row(f"{metric.mean:.4f}", spread, name, metric.description)
    Console().print(table, "")
    for bar in run.bars:
        held = "held" if bar.is_held_by(run.metrics[bar.metric]) else "MISSED"
        remark = f"; {bar.remark}" if bar.remark else ""
        typer.echo(f"{held}: {bar.statement} ({run.metrics[bar.metric].mean:.4f}){remark}")
