"""The command group probe, attached to headatlas by an entry point; imports torch only to measure."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import probes
from probes import detectors
from probes.errors import BadInputError, InterruptedRunError, RunNotSavedError
from probes.standard import DTYPE, HALF_LENGTH, N_SAMPLES, SEED

if TYPE_CHECKING:
    from probes.scores import HeadScores, Results

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]

app = typer.Typer(help="Measure attention heads of a model.", no_args_is_help=True)


@app.command("list")
def list_detectors(as_json: Json = False) -> None:
    """List the detectors. Example: headatlas probe list."""
    lines = {name: detectors.describe(name).partition("\n")[0] for name in detectors.names()}
    if as_json:
        typer.echo(json.dumps(lines))
        return
    width = max(map(len, lines))
    for name, line in lines.items():
        typer.echo(f"{name:{width}}  {line}")


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
        typer.Argument(metavar="[DETECTOR]...", help="Detectors to run; all of them if none is named."),
    ] = None,
    model: Annotated[str, typer.Option(help="demo, a Hugging Face id, a folder, or a .gguf file.")] = "demo",
    revision: Annotated[str | None, typer.Option(help="Commit, branch or tag on the hub.")] = None,
    texts: Annotated[
        Path | None, typer.Option(help="Text file to read in place of random tokens, one sample a line.")
    ] = None,
    length: Annotated[int | None, typer.Option(help="Tokens to keep of each text; the shortest if left out.")] = None,
    half_length: Annotated[int, typer.Option(help="Random tokens that are repeated.")] = HALF_LENGTH,
    n_samples: Annotated[int, typer.Option("--samples", help="Number of random samples.")] = N_SAMPLES,
    seed: Annotated[int, typer.Option(help="Seed of the random tokens and of the null.")] = SEED,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    dtype: Annotated[str, typer.Option(help="Number format: float32, bfloat16 or float16.")] = DTYPE,
    name: Annotated[str | None, typer.Option(help="Name to record for the model.")] = None,
    output: Annotated[Path | None, typer.Option(help="Folder of all runs; data/runs if left out.")] = None,
    top: Annotated[int, typer.Option(help="How many heads to print.")] = 10,
    as_json: Json = False,
) -> None:
    """Measure every head of a model and record the run. Example: headatlas probe run induction --model demo.

    The standard run (random tokens, no other settings) goes to data/runs/<model>/<detector>.json. Any other run is
    only recorded with --output, so that it does not take the place of the standard one.
    """
    from catalog.files import runs_folder

    for detector in names or []:
        detectors.describe(detector)
    standard = (HALF_LENGTH, N_SAMPLES, SEED, DTYPE)
    is_standard = texts is None and (half_length, n_samples, seed, dtype) == standard
    folder = output or (runs_folder() if is_standard else None)
    samples = None if texts is None else _read_lines(texts)
    if folder is not None:
        _check_writable(folder)
    try:
        loaded = probes.load_model(model, revision=revision, device=device, dtype=dtype, name=name)
        results = probes.run(
            loaded,
            names or None,
            texts=samples,
            length=length,
            half_length=half_length,
            n_samples=n_samples,
            seed=seed,
        )
    except KeyboardInterrupt:
        raise InterruptedRunError from None
    _print_results(results, top, as_json)
    for detector, reason in results.left_out.items():
        typer.echo(f"left out: {detector}: {reason}", err=True)
    if folder is None:
        typer.echo("not recorded: this is not the standard run; to keep it, name a folder with --output", err=True)
    else:
        _save(results, folder)


def _read_lines(path: Path) -> Sequence[str]:
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path}: cannot be read as text ({error})") from error
    if not lines:
        raise BadInputError(f"{path}: holds no text; write one sample a line")
    return lines


def _check_writable(folder: Path) -> None:
    """Find out before the measurement, not after it, that its result cannot be kept."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise RunNotSavedError(folder, error.strerror or str(error)) from error


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


def _save(results: Results, folder: Path) -> None:
    for path, is_new in results.save(folder):
        typer.echo(f"{'written' if is_new else 'confirmed, nothing changed'}: {path}", err=True)
