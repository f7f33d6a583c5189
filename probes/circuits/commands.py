"""The commands about circuits: which heads compose, and what the weights of one head say; torch is imported to read."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

import probes
from catalog.ids import HeadName
from probes.errors import BadInputError, InterruptedRunError
from probes.options import AllowPickle, Device, Dtype, Json, Model, Revision, TrustRemoteCode
from probes.standard import DTYPE, DTYPE_NAMES, SEED

if TYPE_CHECKING:
    from probes.adapters.base import ProbedModel
    from probes.circuits.composed_pairs import Composition, Pair
    from probes.circuits.of_head import HeadCircuits


def attach(app: typer.Typer) -> None:
    """Add the commands to their group.

    Args:
        app: The group probe.
    """
    app.command("composition")(composition)
    app.command("circuits")(circuits)


def composition(
    kind: Annotated[
        Literal["Q", "K", "V"] | None, typer.Option(help="Side through which the later head reads; all three.")
    ] = None,
    model: Model = "demo",
    revision: Revision = None,
    bare: Annotated[bool, typer.Option("--bare", help="Leave norms out of the circuits.")] = False,
    device: Device = "auto",
    dtype: Dtype = DTYPE,
    trust_remote_code: TrustRemoteCode = False,
    allow_pickle: AllowPickle = False,
    top: Annotated[int, typer.Option(min=0, help="How many pairs to print.")] = 20,
    output: Annotated[Path | None, typer.Option(help="Picture of layers by layers, ending in .svg or .png.")] = None,
    as_json: Json = False,
) -> None:
    """Find heads that read what earlier heads write. Example: headatlas probe composition --kind K --model demo.

    The weights alone are read, no text. The score is from 0 to 1; beside it stands how far it lies above random
    circuits of the same shapes, and the share of all pairs that score no higher.
    """
    loading = {"device": device, "trust_remote_code": trust_remote_code, "allow_pickle": allow_pickle}
    try:
        loaded = _load(model, revision=revision, dtype=dtype, **loading)
        found = _compose(loaded, kind, fold_norms=not bare)
    except KeyboardInterrupt:
        raise InterruptedRunError(None, 0) from None
    if as_json:
        typer.echo(json.dumps([_composition_record(one, top) for one in found]))
    else:
        for one in found:
            _print_composition(one, top)
    if output is not None:
        typer.echo(f"written: {_draw(found).save(output)}", err=True)


def circuits(
    head: Annotated[str, typer.Argument(metavar="HEAD", help="Layer and head from 0, like L5H1.")],
    model: Model = "demo",
    revision: Revision = None,
    directions: Annotated[int, typer.Option(min=0, help="Singular directions of each circuit.")] = 3,
    partners: Annotated[int, typer.Option(min=0, help="Partners of each kind, earlier and later.")] = 3,
    seed: Annotated[int, typer.Option(help="Seed of the tokens that are asked.")] = SEED,
    device: Device = "auto",
    dtype: Dtype = DTYPE,
    trust_remote_code: TrustRemoteCode = False,
    allow_pickle: AllowPickle = False,
    as_json: Json = False,
) -> None:
    """Say what the weights of one head do. Example: headatlas probe circuits L18H6 --model demo.

    No text is read: copying, matching and succession are asked of single tokens, directions and partners of the
    matrices. The site's page on reading weights says what each score means.
    """
    from probes.circuits.head_report import head_lines
    from probes.circuits.of_head import head_circuits

    try:
        name = HeadName.parse(head)
    except ValueError as error:
        raise BadInputError(str(error)) from error
    loading = {"device": device, "trust_remote_code": trust_remote_code, "allow_pickle": allow_pickle}
    try:
        loaded = _load(model, revision=revision, dtype=dtype, **loading)
        found = head_circuits(loaded, name, n_directions=directions, n_partners=partners, seed=seed, progress=True)
    except KeyboardInterrupt:
        raise InterruptedRunError(None, 0) from None
    typer.echo(json.dumps(_head_record(found)) if as_json else "\n".join(head_lines(found)))


def _load(model: str, *, dtype: str, **options: Any) -> ProbedModel:
    return probes.load_model(model, dtype=DTYPE_NAMES.get(dtype, dtype), **options)


def _compose(model: ProbedModel, kind: str | None, *, fold_norms: bool) -> list[Composition]:
    from probes.circuits import composition as compositions

    kinds = compositions.KINDS if kind is None else (kind,)
    return [compositions.composition(model, one, fold_norms=fold_norms, progress=True) for one in kinds]


def _composition_record(found: Composition, top: int) -> dict[str, Any]:
    return {
        "model": found.model,
        "kind": found.kind,
        "folded_norms": found.has_folded_norms,
        "baseline": found.baseline,
        "n_pairs": len(found),
        "pairs": [_pair_record(pair) | {"percentile": _percentile(found, pair)} for pair in found.top(top)],
    }


def _pair_record(pair: Pair) -> dict[str, Any]:
    return {"writer": str(pair.writer), "reader": str(pair.reader), "score": pair.score, "excess": pair.excess}


def _percentile(found: Composition, pair: Pair) -> float:
    return found.percentile(pair.writer, pair.reader)


def _print_composition(found: Composition, top: int) -> None:
    from rich.console import Console
    from rich.table import Table

    norms = "norms folded" if found.has_folded_norms else "bare weights"
    typer.echo(f"{found.kind}-composition in {found.model}: {len(found)} pairs, {norms}")
    typer.echo(f"random circuits of the same shapes: {found.baseline:.3f}")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("writes", "reads", "score", "above random", "percentile"):
        table.add_column(name, justify="left" if name in {"writes", "reads"} else "right")
    for pair in found.top(top):
        numbers = f"{pair.score:.3f}", f"{pair.excess:+.3f}", f"{_percentile(found, pair):.2f}"
        table.add_row(str(pair.writer), str(pair.reader), *numbers)
    Console().print(table, "")


def _draw(found: list[Composition]) -> Any:
    from catalog.pictures.picture import side_by_side

    pictures = [one.plot() for one in found]
    return pictures[0] if len(pictures) == 1 else side_by_side(pictures, " ".join(one.caption for one in pictures))


def _head_record(found: HeadCircuits) -> dict[str, Any]:
    """Plain values; a number that is not defined is null."""
    record = asdict(found) | {"head": str(found.head), "succession_score": found.succession_score}
    for circuit in ("ov", "qk"):
        record[circuit] = [one | {"share": _number(one["share"])} for one in record[circuit]]
    record["partners"] = {
        kind: {
            "baseline": one.baseline,
            "reads_from": [_pair_record(pair) for pair in one.reads_from],
            "read_by": [_pair_record(pair) for pair in one.read_by],
        }
        for kind, one in found.partners.items()
    }
    return record


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
