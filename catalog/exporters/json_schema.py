"""JSON Schema of the JSON export, made from its models; the same whatever the registry holds."""

from __future__ import annotations

import json

from catalog.exporters.base import Exporter
from catalog.exporters.json_api import SCHEMA_FILE, Catalogue
from catalog.registry import Registry


def export(registry: Registry) -> str:
    """The schema.

    Args:
        registry: Not looked at.

    Returns:
        The text of the file.
    """
    del registry
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Catalogue.model_json_schema()}
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


EXPORTER = Exporter("JSON Schema of the whole catalogue", f"downloads/{SCHEMA_FILE}", "application/schema+json", export)
