"""The whole catalogue as JSON: papers with claims and verdicts, head types, what was left out, and the runs in short.

Its JSON Schema is made from the models of this file; the format json_schema exports it.
"""

from __future__ import annotations

import math
from typing import Final, Literal

from pydantic import AwareDatetime, ConfigDict, Field, FiniteFloat

from catalog.claims import Check, Verdict, ledger
from catalog.exporters.base import LICENCE, Exporter
from catalog.ids import ClaimId, Head, HeadTypeId, PaperId
from catalog.models import HeadType, LeftOut, Paper, Record, Share, Text
from catalog.registry import Registry
from catalog.runs import MeasuredModel, ProbeRun, at

SCHEMA_FILE: Final = "catalogue.schema.json"
"""File beside the export that says what it holds."""


class ClaimVerdict(Record):
    """What one record says about one claim, or that none bears on it."""

    paper: PaperId = Field(description="Paper that makes the claim.")
    claim: ClaimId = Field(description="Id of the claim within its paper.")
    verdict: Verdict = Field(description="What the record says about the claim.")
    reason: Text = Field(description="Why, in one sentence.")
    model: Text | None = Field(default=None, description="Slug of the measured model, if one was measured.")
    measured_by: HeadTypeId | None = Field(
        default=None, description="Detector, effect or experiment behind the verdict."
    )
    numbers: dict[str, float] = Field(default={}, description="The numbers behind the verdict.")


class CalledHead(Record):
    """A head that counts as a member of the type that a run measures."""

    head: Head = Field(description="Layer and head, from 0.")
    score: float = Field(description="Mean score over the samples.")
    standard_error: float = Field(ge=0, description="Standard error of the score.")
    q_value: Share = Field(description="Smallest false-discovery rate at which the head beats its null.")


class RunSummary(Record):
    """A run without the scores of heads that were not called."""

    probe: HeadTypeId = Field(description="Name of the detector.")
    head_type: HeadTypeId = Field(description="Head type that it measures.")
    family: Text = Field(description="What kind of score it is.")
    model: MeasuredModel = Field(description="The model that was measured.")
    inputs: Text = Field(description="What the model read, in words.")
    n_samples: int = Field(description="Number of samples that the scores are means over.")
    unit: Text = Field(description="Unit of the scores.")
    threshold: FiniteFloat = Field(description="Score from which a head may be called a member of the type.")
    false_discovery_rate: Share = Field(description="Rate at which the q-values were cut for calling a head.")
    called: list[CalledHead] = Field(description="Heads that count as members, highest score first.")
    created: AwareDatetime = Field(description="When the run ended.")
    headatlas: Text = Field(description="Version of headatlas that measured.")
    record: Text = Field(description="File with all scores, below data/ in the repository.")


class Catalogue(Record):
    """The whole catalogue of attention heads."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, serialize_by_alias=True, validate_by_name=True, title="HeadAtlas catalogue"
    )

    schema_file: Literal["catalogue.schema.json"] = Field(
        default=SCHEMA_FILE, alias="$schema", description="JSON Schema of this file, beside it."
    )
    format: Literal[1] = Field(default=1, description="Version of this file format.")
    licence: Text = Field(description="Licence of this file.")
    papers: list[Paper] = Field(description="Papers with their claims, in the order of the registry.")
    head_types: list[HeadType] = Field(description="Vocabulary that papers and runs refer to.")
    left_out: list[LeftOut] = Field(description="Papers that were considered and left out.")
    verdicts: list[ClaimVerdict] = Field(description="What the runs say about every claim.")
    runs: list[RunSummary] = Field(description="Measurements, without the scores of heads that were not called.")


def catalogue(registry: Registry) -> Catalogue:
    """Everything that the JSON export holds.

    Args:
        registry: What to export.

    Returns:
        The record.
    """
    return Catalogue(
        licence=LICENCE,
        papers=list(registry.papers.values()),
        head_types=list(registry.head_types.values()),
        left_out=registry.left_out,
        verdicts=[_verdict(check) for check in ledger(registry)],
        runs=[_summary(run) for run in registry.runs],
    )


def export(registry: Registry) -> str:
    """The catalogue as JSON; fields without a value are left out.

    Args:
        registry: What to export.

    Returns:
        The text of the file.
    """
    return catalogue(registry).model_dump_json(exclude_none=True, indent=1) + "\n"


def _verdict(check: Check) -> ClaimVerdict:
    return ClaimVerdict(
        paper=check.paper.id,
        claim=check.claim.id,
        verdict=check.verdict,
        reason=check.reason,
        model=check.model and check.model.slug,
        measured_by=check.measured_by,
        numbers={name: value for name, value in check.numbers.items() if math.isfinite(value)},
    )


def _summary(run: ProbeRun) -> RunSummary:
    called = [
        CalledHead(
            head=str(name),
            score=run.score(name),
            standard_error=at(run.standard_errors, name),
            q_value=at(run.q_values, name),
        )
        for name in run.called()
    ]
    return RunSummary(
        probe=run.probe,
        head_type=run.head_type,
        family=run.family,
        model=run.model,
        inputs=run.inputs,
        n_samples=run.n_samples,
        unit=run.unit,
        threshold=run.threshold,
        false_discovery_rate=run.false_discovery_rate,
        called=called,
        created=run.provenance.created,
        headatlas=run.provenance.headatlas,
        record=f"runs/{run.model.slug}/{run.probe}.json",
    )


EXPORTER = Exporter("The whole catalogue (JSON)", "downloads/catalogue.json", "application/json", export)
