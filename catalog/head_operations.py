"""The record of what one head does by its weights: the words it reads most, what it makes of them, and in words."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, FiniteFloat

from catalog.files import write_text
from catalog.ids import Head, HeadTypeId
from catalog.models import Record, Share, Text
from catalog.record_files import dump_record, read_records
from catalog.runs import MeasuredModel, Provenance


class SalientToken(Record):
    """A token that a head passes on strongly, and what it makes of it."""

    token: str = Field(description="The token as text; a space in front counts.")
    saliency: FiniteFloat = Field(description="Length of what the head writes, over the length of what it reads.")
    raised: list[str] = Field(description="Tokens with the largest logits, largest first.")
    lowered: list[str] = Field(description="Tokens with the smallest logits, smallest first.")


class HeadRelation(Record):
    """Static score of the head for a relation whose score stands out."""

    relation: HeadTypeId = Field(description="Id of the relation.")
    sign: Literal["writes", "suppresses"] = Field(description="Whether right targets are pushed up or down.")
    k: int = Field(description="A pair counts if a right target is among the k most extreme logits.")
    score: Share = Field(description="Share of pairs that count.")
    standard_error: FiniteFloat = Field(description="Standard error over the pairs.")
    n_pairs: int = Field(description="Pairs that the tokenizer leaves.")
    no_head: Share = Field(description="The same share without any head.")
    best_random: Share = Field(description="The same share for the best of the random maps.")
    n_random: int = Field(description="Random maps.")
    is_called: bool = Field(description="Whether the head counts as a head of the relation.")


class NearHead(Record):
    """Another head with a similar map."""

    head: Head = Field(description="Its name.")
    cosine: FiniteFloat = Field(description="Cosine between the two maps from tokens to centred logits, -1 to 1.")


class Description(Record):
    """What the head does, in words."""

    text: Text = Field(description="The description.")
    is_generated: bool = Field(description="Whether a language model wrote it; if not, it follows from the scores.")
    model: Text | None = Field(default=None, description="The language model that wrote it.")
    prompt: Text | None = Field(default=None, description="What it was asked.")


class HeadOperations(Record):
    """What one head does by its weights alone; nothing here says whether it ever attends to these words."""

    format: Literal[1] = Field(default=1, description="Version of this file format.")
    model: MeasuredModel = Field(description="The model.")
    head: Head = Field(description="The head.")
    rows: Literal["first_mlp", "raw"] = Field(description="What stands for a word in front of layers from 1 on.")
    salient: list[SalientToken] = Field(description="Tokens with the highest saliency of all, highest first.")
    relations: list[HeadRelation] = Field(description="Relations whose score stands out, highest first.")
    nearest: list[NearHead] = Field(description="Heads with the most similar maps, most similar first.")
    description: Description = Field(description="What the head does, in words.")
    provenance: Provenance = Field(description="How the record came about.")


def write_head_operations(folder: Path, record: HeadOperations) -> Path:
    """Write a record to <folder>/<model>/<head>.json.

    Args:
        folder: Folder of all such records.
        record: The record.

    Returns:
        The file.

    Raises:
        OSError: the folder cannot be written; a file that was there is untouched.
    """
    path = head_operations_path(folder, record)
    write_text(path, dump_record(record))
    return path


def head_operations_path(folder: Path, record: HeadOperations) -> Path:
    """File of a record below the folder of all of them."""
    return folder / record.model.slug / f"{record.head}.json"


def read_head_operations(folder: Path) -> list[HeadOperations]:
    """Read every record below a folder; raises like `catalog.record_files.read_records`."""
    return read_records(folder, HeadOperations, head_operations_path)
