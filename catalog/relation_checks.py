"""The record that holds static scores of a relation against behaviour: on text, and when its heads are removed."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import Literal, Self

from pydantic import Field, FiniteFloat, PositiveInt, model_validator

from catalog.files import write_text
from catalog.ids import Head, HeadTypeId
from catalog.models import Record, Share, Text
from catalog.record_files import dump_record, earlier_record, read_records
from catalog.relation_runs import Hits
from catalog.runs import MeasuredModel, Provenance, Sha256, check_same_weights


class DynamicHits(Record):
    """What heads write about the pairs' sources on text, with one sign; the static score is in the relation's run."""

    without_context: Hits = Field(
        description="Hits when the last position of a carrier attends to the source alone, summed over carriers."
    )
    with_context: Hits = Field(description="Hits with attention as it falls, summed over carriers.")
    correlation_without_context: FiniteFloat | None = Field(
        default=None,
        description="Pearson correlation with the static score over heads and carriers; absent if constant.",
    )
    correlation_with_context: FiniteFloat | None = Field(
        default=None, description="The same with attention as it falls."
    )


class Control(Record):
    """Another relation with the same heads removed."""

    relation: HeadTypeId = Field(description="Id of the other relation.")
    completion: Text = Field(description="Text whose next word is asked for.")
    n_pairs: PositiveInt = Field(description="Pairs asked about.")
    baseline: Share = Field(description="Accuracy with all heads.")
    ablated: Share = Field(description="Accuracy without the heads of the relation that is checked.")


class RelationAblation(Record):
    """Accuracy of a text's next word with the heads of the relation off at the last position, best head first."""

    completion: Text = Field(description="Text whose next word is asked for.")
    n_pairs: PositiveInt = Field(description="Pairs asked about; those that the text shows are left out.")
    heads: list[Head] = Field(min_length=1, description="Heads in order of removal: highest static score first.")
    accuracies: list[Share] = Field(min_length=2, description="Accuracy without the first 0, 1, 2, ... heads.")
    n_off: PositiveInt = Field(
        description="Heads removed in the comparison: as many as first bring the accuracy to zero, else all."
    )
    random: list[Share] = Field(min_length=2, description="Accuracy without as many random other heads, by draw.")
    controls: list[Control] = Field(
        default=[], description="Other relations that share few heads and have a similar accuracy, same heads removed."
    )

    @property
    def baseline(self) -> float:
        """Accuracy with all heads."""
        return self.accuracies[0]

    @property
    def ablated(self) -> float:
        """Accuracy without the heads of the relation."""
        return self.accuracies[self.n_off]

    @property
    def control(self) -> float:
        """Mean accuracy without random heads."""
        return fmean(self.random)

    @model_validator(mode="after")
    def _curve_fits_heads(self) -> Self:
        if len(self.accuracies) != len(self.heads) + 1 or self.n_off > len(self.heads):
            counts = f"{len(self.heads)} heads, {len(self.accuracies)} accuracies, {self.n_off} removed"
            raise ValueError(f"{counts}: one accuracy for every number of removed heads from 0 on")
        return self


class RelationCheck(Record):
    """Static scores of one relation on one model beside what the model does."""

    format: Literal[1] = Field(default=1, description="Version of this file format.")
    relation: HeadTypeId = Field(description="Id of the relation.")
    pairs_sha256: Sha256 = Field(description="SHA-256 over the pairs before the tokenizer was asked.")
    model: MeasuredModel = Field(description="The model that was measured.")
    k: PositiveInt = Field(description="A pair is a hit if a right target is among the k most extreme logits.")
    most_pairs: PositiveInt = Field(description="No more pairs than these were chosen, at random.")
    seed: int = Field(description="Seed of the chosen pairs and of the random heads.")
    carriers: list[Text] = Field(min_length=1, description="Sentences in which the source was read.")
    n_pairs: PositiveInt = Field(description="Pairs that were read in every carrier.")
    writes: DynamicHits = Field(description="Right targets among the largest logits.")
    suppresses: DynamicHits = Field(description="Right targets among the smallest logits.")
    ablation: RelationAblation | None = Field(
        default=None, description="Absent if no head has a score, or the relation has no completion to ask."
    )
    provenance: Provenance = Field(description="How the record came about.")


def relation_check_path(folder: Path, check: RelationCheck) -> Path:
    """File of a check below the folder of all checks."""
    return folder / check.model.slug / f"{check.relation}.json"


def write_relation_check(folder: Path, check: RelationCheck) -> Path:
    """Write a check to its file.

    Args:
        folder: Folder of all checks, such as data/relation_checks.
        check: The check.

    Returns:
        The file.

    Raises:
        FileExistsError: the file records a check of other weights of the same name.
        OSError: the folder cannot be written; a file that was there is untouched.
    """
    path = relation_check_path(folder, check)
    earlier = earlier_record(path, RelationCheck)
    if earlier is not None:
        check_same_weights(path, earlier.model, check.model)
    write_text(path, dump_record(check))
    return path


def read_relation_checks(folder: Path) -> list[RelationCheck]:
    """Read every check below a folder; raises like `catalog.record_files.read_records`."""
    return read_records(folder, RelationCheck, relation_check_path)
