import json
import random
from pathlib import Path

import jsonschema
import pytest
import yaml

from catalog.json_schema import CONTENTS, dump_schema, json_schema, schema_files

DATA = Path(__file__).parents[2] / "data"
EXAMPLES = {
    **{name: [DATA / f"{name}.yaml"] for name in ("papers", "head_types", "left_out", "tombstones", "released")},
    "relation": sorted((DATA / "relations").glob("*.yaml")),
    "run": sorted((DATA / "runs").rglob("*.json")),
    "effect": sorted((DATA / "effects").rglob("*.json")),
    "relation_run": sorted((DATA / "relation_runs").rglob("*.json")),
    "relation_check": sorted((DATA / "relation_checks").rglob("*.json")),
    "head_operations": sorted((DATA / "head_operations").rglob("*.json")),
    "experiment": sorted((DATA / "experiments").rglob("*.json")),
}


def validator(name):
    schema = json_schema(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize(("path", "text"), schema_files(DATA).items(), ids=lambda value: getattr(value, "name", ""))
def test_committed_schema_is_that_of_the_models(path, text):
    assert path.read_text(encoding="utf-8") == text, "run headatlas paper schema --write"


@pytest.mark.parametrize("name", CONTENTS)
def test_data_follow_their_schema(name):
    check = validator(name)
    for path in filter(Path.exists, EXAMPLES[name]):
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else yaml.load(text, yaml.CSafeLoader)
        assert [error.message for error in check.iter_errors([] if content is None else content)] == []


@pytest.mark.parametrize(
    "changes",
    [{"colour": "red"}, {"arxiv_id": 2409.1}, {"date": "May"}, {"authors": []}, {"claims": [{"id": "a", "form": "x"}]}],
    ids=lambda changes: next(iter(changes)),
)
def test_schema_refuses_what_the_models_refuse(make_paper, changes):
    paper = make_paper().model_dump(mode="json", exclude_none=True)
    check = validator("papers")
    assert check.is_valid([paper])
    assert not check.is_valid([paper | changes])
    del paper[random.Random(0).choice(["title", "summary", "links"])]
    assert not check.is_valid([paper])


def test_schema_is_json_with_a_description_of_every_field():
    schema = json.loads(dump_schema("papers"))
    fields = schema["$defs"]["Paper"]["properties"]
    assert all(field.get("description") for field in fields.values())
