import json
from pathlib import Path

import pytest

from catalog.exporters import json_api, json_schema
from catalog.registry import Registry

jsonschema = pytest.importorskip("jsonschema")
COMMITTED = Path(__file__).parents[3] / "data/schema/catalogue.schema.json"


@pytest.fixture(scope="module")
def validator():
    schema = json.loads(json_schema.export(Registry({}, {})))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_whole_catalogue_follows_our_schema(catalogue, validator):
    assert not list(validator.iter_errors(json.loads(json_api.export(catalogue))))


def test_invented_world_follows_our_schema(world, validator):
    assert not list(validator.iter_errors(json.loads(json_api.export(world))))


def test_schema_refuses_what_is_no_export(world, validator):
    text = json_api.export(world)
    for change in ({"format": 2}, {"papers": [{}]}, {"surprise": 1}):
        assert not validator.is_valid(json.loads(text) | change)


def test_committed_schema_is_up_to_date():
    fresh = json_schema.export(Registry({}, {}))
    assert COMMITTED.read_text(encoding="utf-8") == fresh, (
        f"run: headatlas paper export json_schema --output {COMMITTED}"
    )


def test_export_can_be_read_back_without_loss(catalogue):
    assert json_api.Catalogue.model_validate_json(json_api.export(catalogue)) == json_api.catalogue(catalogue)


def test_export_holds_everything_that_the_registry_holds(catalogue):
    content = json.loads(json_api.export(catalogue))
    assert [paper["id"] for paper in content["papers"]] == list(catalogue.papers)
    assert [head_type["id"] for head_type in content["head_types"]] == list(catalogue.head_types)
    assert len(content["left_out"]) == len(catalogue.left_out)
    assert len(content["runs"]) == len(catalogue.runs)
    judged = {(verdict["paper"], verdict["claim"]) for verdict in content["verdicts"]}
    assert judged == {(paper.id, claim.id) for paper in catalogue.papers.values() for claim in paper.claims}


def test_run_is_summed_up_by_its_called_heads(world):
    run = world.runs[0]
    summary = json.loads(json_api.export(world))["runs"][0]
    assert [called["head"] for called in summary["called"]] == [str(name) for name in run.called()] != []
    assert summary["record"] == "runs/pond-1/echo.json"
    assert "scores" not in summary
