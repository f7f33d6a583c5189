"""JSON Schema of every data file, made from the models; editors and other languages can check files with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from catalog.effects import EffectRun
from catalog.experiments import ExperimentRun
from catalog.head_operations import HeadOperations
from catalog.models import HeadType, LeftOut, Paper
from catalog.relation_checks import RelationCheck
from catalog.relation_runs import RelationRun
from catalog.relations import Relation
from catalog.releases import Released, Tombstone
from catalog.runs import ProbeRun

CONTENTS: dict[str, Any] = {
    "papers": list[Paper],
    "head_types": list[HeadType],
    "left_out": list[LeftOut],
    "tombstones": list[Tombstone],
    "released": list[Released],
    "relation": list[Relation],
    "run": ProbeRun,
    "effect": EffectRun,
    "relation_run": RelationRun,
    "relation_check": RelationCheck,
    "head_operations": HeadOperations,
    "experiment": ExperimentRun,
}
"""What each kind of data file holds."""


def json_schema(name: str) -> dict[str, Any]:
    """Schema of one kind of data file.

    Args:
        name: One of the names in CONTENTS.

    Returns:
        A JSON Schema (draft 2020-12). It is a little wider than the models: rules that compare fields are missing.
    """
    about = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"HeadAtlas data: {name}"}
    return about | TypeAdapter(CONTENTS[name]).json_schema()


def dump_schema(name: str) -> str:
    """Text of a schema.

    Args:
        name: One of the names in CONTENTS.

    Returns:
        JSON, indented.
    """
    return json.dumps(json_schema(name), indent=2, ensure_ascii=False) + "\n"


def schema_files(folder: Path) -> dict[Path, str]:
    """Every schema as the repository has it.

    Args:
        folder: Folder of the data files.

    Returns:
        Content by file.
    """
    return {folder / "schema" / f"{name}.schema.json": dump_schema(name) for name in CONTENTS}
