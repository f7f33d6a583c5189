"""The record of a relation on a model: which heads push the counterpart of a word up or down, by weights alone."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, PositiveInt, model_validator

from catalog.files import write_text
from catalog.ids import HeadName, HeadTypeId
from catalog.models import Record, Share, Text
from catalog.record_files import dump_record, earlier_record, read_record, read_records
from catalog.relations import Category
from catalog.runs import Matrix, MeasuredModel, Provenance, Sha256, at, check_same_weights

KS = (1, 3, 5, 10, 25)
"""A pair is a hit at k if a right target is among the k largest (or smallest) logits of the whole vocabulary."""

THRESHOLD = 0.15
"""Share of pairs from which a head may be called, as published."""

LEAST_PAIRS = 30
"""Pairs that a tokenizer must leave, as published; a relation with fewer is not defined for it, and never scored."""

Sign = Literal["writes", "suppresses"]
"""Whether right targets are looked for among the largest or among the smallest logits."""

SIGNS: tuple[Sign, ...] = ("writes", "suppresses")

Hits = list[list[int | None]]
"""Number of hits by layer, then by head; None for heads of layers without softmax attention."""


class Baselines(Record):
    """Hits on the same pairs and the same source vectors without the head, by k."""

    no_head: dict[PositiveInt, int] = Field(description="The source vector goes straight to the unembedding.")
    random: dict[PositiveInt, list[int]] = Field(description="Random maps of a head's rank, one number a draw.")


class SignedHits(Record):
    """Hits of every head with one sign, and what they are compared with."""

    hits: dict[PositiveInt, Hits] = Field(description="Number of pairs hit, by k, then by layer and head.")
    q_values: Matrix = Field(
        description="At the run's own k: smallest false-discovery rate at which a head beats both baselines."
    )
    first: Baselines = Field(description="Baselines of the heads of layer 0.")
    later: Baselines = Field(description="Baselines of the heads of all other layers.")

    def beside(self, name: HeadName) -> Baselines:
        """Baselines that stand beside a head."""
        return self.first if name.layer == 0 else self.later


class RelationRun(Record):
    """Static scores of every head of one model for one relation, with both signs, several k, baselines, provenance."""

    format: Literal[1] = Field(default=1, description="Version of this file format.")
    relation: HeadTypeId = Field(description="Id of the relation.")
    category: Category = Field(description="Kind of relation.")
    definition: Text = Field(description="What makes a target right for a source.")
    pairs_sha256: Sha256 = Field(description="SHA-256 over the pairs before the tokenizer was asked.")
    model: MeasuredModel = Field(description="The model that was measured.")
    n_candidates: int = Field(ge=0, description="Pairs of the relation.")
    n_pairs: int = Field(ge=0, description="Pairs whose source and at least one target are single tokens; these count.")
    n_targets: int = Field(ge=0, description="Distinct tokens among the right targets.")
    majority: Share = Field(description="Share of pairs that the one best guess for all of them gets right.")
    least_pairs: int = Field(ge=2, description="Pairs from which the relation counts as defined for the tokenizer.")
    rows: Literal["first_mlp", "raw"] = Field(
        description="What stands for a word in front of layers from 1 on: output of the first MLP, or bare embedding."
    )
    is_residual_added: bool = Field(description="Whether the bare embedding is added to the first MLP's output.")
    are_norms_folded: bool = Field(description="Whether gain and centring of the norms are folded in.")
    n_random: int = Field(ge=1, description="Random maps.")
    seed: int = Field(description="Seed of the random maps.")
    k: PositiveInt = Field(description="The k that heads are called by.")
    threshold: Share = Field(description="Share of pairs from which a head may be called.")
    false_discovery_rate: Share = Field(description="Rate at which the q-values were cut for calling a head.")
    writes: SignedHits | None = Field(
        default=None, description="Right targets among the largest logits; left out if the relation is not defined."
    )
    suppresses: SignedHits | None = Field(
        default=None, description="Right targets among the smallest logits; left out if the relation is not defined."
    )
    provenance: Provenance = Field(description="How the run came about.")

    @model_validator(mode="after")
    def _is_scored_where_defined(self) -> Self:
        if not (self.is_defined == (self.writes is not None) == (self.suppresses is not None)):
            counts = f"{self.n_pairs} pairs, at least {self.least_pairs} are needed"
            raise ValueError(f"{counts}: both signs are scored if the relation is defined, else neither")
        return self

    @model_validator(mode="after")
    def _hits_fit_model(self) -> Self:
        wanted = (self.model.n_layers, self.model.n_heads)
        for signed in filter(None, (self.writes, self.suppresses)):
            if self.k not in signed.hits:
                raise ValueError(f"no hits at k = {self.k}, by which heads are called")
            matrices: list[Hits | Matrix] = [*signed.hits.values(), signed.q_values]
            for got in ((len(matrix), *sorted({len(row) for row in matrix})) for matrix in matrices):
                if got != wanted:
                    raise ValueError(f"hits or q-values have shape {got}, the model has (layers, heads) {wanted}")
            found = [hit for matrix in signed.hits.values() for row in matrix for hit in row if hit is not None]
            if not all(0 <= hit <= self.n_pairs for hit in found):
                raise ValueError(f"hits outside 0 to {self.n_pairs}, the number of pairs")
        return self

    @property
    def is_defined(self) -> bool:
        """Whether the tokenizer leaves enough pairs."""
        return self.n_pairs >= self.least_pairs

    def signed(self, sign: Sign) -> SignedHits:
        """Hits with one sign.

        Args:
            sign: Which.

        Returns:
            The hits.

        Raises:
            KeyError: the relation is not defined for the tokenizer, so nothing was scored.
        """
        found = self.writes if sign == "writes" else self.suppresses
        if found is None:
            raise KeyError(f"{self.relation} is not defined for {self.model.name}: {self.n_pairs} pairs are left")
        return found

    def score(self, name: HeadName, sign: Sign = "writes", k: int | None = None) -> float:
        """Static score of one head: the share of pairs that it hits.

        Args:
            name: The head.
            sign: Among the largest or the smallest logits.
            k: One of KS; the run's own if left out.

        Returns:
            From 0 to 1.

        Raises:
            KeyError: the head has no score.
        """
        return at(self.signed(sign).hits[k or self.k], name) / self.n_pairs  # type: ignore[arg-type]

    def standard_error(self, name: HeadName, sign: Sign = "writes", k: int | None = None) -> float:
        """Standard error of a score over the pairs."""
        score = self.score(name, sign, k)
        return math.sqrt(score * (1 - score) / (self.n_pairs - 1))

    def no_head(self, name: HeadName, sign: Sign = "writes", k: int | None = None) -> float:
        """Score without any head, on what stands in front of this one."""
        return self.signed(sign).beside(name).no_head[k or self.k] / self.n_pairs

    def random(self, name: HeadName, sign: Sign = "writes", k: int | None = None) -> list[float]:
        """Scores of random maps on what stands in front of a head."""
        return [hits / self.n_pairs for hits in self.signed(sign).beside(name).random[k or self.k]]

    def ranked(self, sign: Sign = "writes") -> list[HeadName]:
        """All heads that have a score, highest first; among equals the earlier layer first."""
        rows = enumerate(self.signed(sign).hits[self.k])
        names = [HeadName(layer, head) for layer, row in rows for head, hit in enumerate(row) if hit is not None]
        return sorted(names, key=lambda name: -self.score(name, sign))

    def stands_out(self, name: HeadName, sign: Sign = "writes") -> bool:
        """Whether a score reaches the threshold and is above no head at all and above every random map."""
        score = self.score(name, sign)
        return score >= self.threshold and score > max(self.no_head(name, sign), *self.random(name, sign))

    def q_value(self, name: HeadName, sign: Sign = "writes") -> float:
        """Smallest false-discovery rate at which a head beats both baselines."""
        return at(self.signed(sign).q_values, name)

    def is_called(self, name: HeadName, sign: Sign = "writes") -> bool:
        """Whether a head counts as a head of the relation: it stands out, and beats both baselines pair by pair."""
        return self.stands_out(name, sign) and self.q_value(name, sign) <= self.false_discovery_rate

    def is_called_at_all(self, name: HeadName) -> bool:
        """Whether a head counts as a head of the relation with either sign."""
        return any(self.is_called(name, sign) for sign in SIGNS)

    def called(self, sign: Sign = "writes") -> list[HeadName]:
        """Heads of the relation, highest score first."""
        return [name for name in self.ranked(sign) if self.is_called(name, sign)] if self.is_defined else []

    def repeats(self, other: RelationRun) -> bool:
        """Whether another run is the same measurement with the same outcome."""
        fields = set(type(self).model_fields) - {"provenance"}
        same_code = self.provenance.code_sha256 == other.provenance.code_sha256
        return same_code and all(getattr(self, field) == getattr(other, field) for field in fields)


def relation_run_path(folder: Path, slug: str, relation: str) -> Path:
    """File that the run of a relation on a model has, or would have."""
    return folder / slug / f"{relation}.json"


def write_relation_run(folder: Path, run: RelationRun) -> tuple[Path, bool]:
    """Write a run to its file, unless that file already records the same outcome.

    Args:
        folder: Folder of all relation runs, such as data/relation_runs.
        run: The run.

    Returns:
        The file, and whether it was written (False: it already said the same).

    Raises:
        FileExistsError: the file records a run on other weights of the same name.
        OSError: the folder cannot be written; a file that was there is untouched.
    """
    path = relation_run_path(folder, run.model.slug, run.relation)
    earlier = earlier_record(path, RelationRun)
    if earlier is not None:
        check_same_weights(path, earlier.model, run.model)
        if earlier.repeats(run):
            return path, False
    write_text(path, dump_record(run))
    return path, True


def read_relation_run(path: Path) -> RelationRun:
    """Read one run; raises like `catalog.record_files.read_record`."""
    return read_record(path, RelationRun)


def read_relation_runs(folder: Path) -> list[RelationRun]:
    """Read every relation run below a folder; raises like `catalog.record_files.read_records`."""
    return read_records(folder, RelationRun, lambda base, run: relation_run_path(base, run.model.slug, run.relation))
