"""Head to operations: what one head does by its weights, gathered in one record."""

import time
from collections.abc import Sequence

from rich.console import Console
from rich.progress import Progress

from catalog.head_operations import HeadOperations, HeadRelation
from catalog.ids import HeadName
from catalog.relation_runs import SIGNS, RelationRun
from probes.adapters.base import ProbedModel
from probes.errors import BadInputError
from probes.provenance import provenance
from probes.relations.describers.base import Describer, Evidence
from probes.relations.describers.rule import RuleDescriber
from probes.relations.near_heads import nearest_heads
from probes.relations.salient_tokens import salient_tokens
from probes.relations.source_vectors import MapOptions


def describe_head(
    model: ProbedModel,
    name: HeadName,
    runs: Sequence[RelationRun],
    *,
    options: MapOptions | None = None,
    describer: Describer | None = None,
    progress: bool = True,
) -> HeadOperations:
    """What one head does by its weights.

    Args:
        model: The model, with its tokenizer.
        name: The head.
        runs: Relations measured on this model.
        options: How maps are read; as published if left out.
        describer: Puts it into words; by rule if left out.
        progress: Show a progress bar on standard error.

    Returns:
        The record.

    Raises:
        BadInputError: the model has no such head, or no tokenizer.
        UnsupportedModelError: its weights cannot be told apart by head.
        DescriberError: the describer gave no usable answer.
    """
    check_head(model, name)
    options = options or MapOptions()
    began = time.perf_counter()
    with Progress(console=Console(stderr=True), transient=True, disable=not progress) as bars:
        bar = bars.add_task(f"Reading the vocabulary through {name}", total=model.shape.d_vocab)
        salient = salient_tokens(model, name, options, advance=lambda n_tokens: bars.update(bar, advance=n_tokens))
    relations = standing_out(runs, name)
    nearest = nearest_heads(model, name, options)
    description = (describer or RuleDescriber()).describe(Evidence(str(name), salient, relations))
    return HeadOperations(
        model=model.record,
        head=str(name),
        rows=options.rows,
        salient=salient,
        relations=relations,
        nearest=nearest,
        description=description,
        provenance=provenance(
            "relations.describe_head",
            seconds=time.perf_counter() - began,
            device=str(model.device),
            dtype=str(model.dtype).removeprefix("torch."),
            attention="none",
        ),
    )


def check_head(model: ProbedModel, name: HeadName) -> None:
    """Refuse a head that cannot be described.

    Args:
        model: The model.
        name: The head.

    Raises:
        BadInputError: the model has no such head, or no tokenizer.
    """
    shape = model.shape
    if name.layer not in shape.attention_layers or name.head >= shape.n_heads:
        sizes = f"{shape.n_layers} layers of {shape.n_heads} heads, counted from 0"
        raise BadInputError(f"{name}: {model.record.name} has no such attention head; it has {sizes}")
    if model.tokenizer is None:
        raise BadInputError("this model has no tokenizer, so tokens cannot be shown; load it with one")


def standing_out(runs: Sequence[RelationRun], name: HeadName) -> list[HeadRelation]:
    """Relations whose score stands out for a head: called ones first, then highest first."""
    found = [
        HeadRelation(
            relation=run.relation,
            sign=sign,
            k=run.k,
            score=round(run.score(name, sign), 4),
            standard_error=round(run.standard_error(name, sign), 4),
            n_pairs=run.n_pairs,
            no_head=round(run.no_head(name, sign), 4),
            best_random=round(max(run.random(name, sign)), 4),
            n_random=run.n_random,
            is_called=run.is_called(name, sign),
        )
        for run in runs
        if run.is_defined
        for sign in SIGNS
        if run.stands_out(name, sign)
    ]
    return sorted(found, key=lambda one: (not one.is_called, -one.score))
