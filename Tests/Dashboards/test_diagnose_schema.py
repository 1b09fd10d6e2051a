"""What `diagnose --json` prints is what docs/diagnose.schema.json says: the golden files, and one
finding of each check."""

import copy
import json

import jsonschema
import pytest

import dashboards

SCHEMA = json.loads((dashboards.ROOT / "docs" / "diagnose.schema.json").read_text())
FOLDER = dashboards.ROOT / "Tests" / "Fixtures" / "diagnoses"
FILES = sorted(FOLDER.glob("**/*.json"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def errors(diagnosis):
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(diagnosis)]


def strict(schema):
    """The schema with no room for members that it does not describe, to find those that it
    forgot."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: strict(part) for name, part in schema.items()}
    if schema.get("type") == "object" and "properties" in schema and "additionalProperties" not in schema:
        closed["additionalProperties"] = False
    return closed


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_golden_file_is_valid(file):
    assert errors(json.loads(file.read_text())) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_member_is_described(file):
    validator = jsonschema.Draft202012Validator(strict(SCHEMA))
    assert [error.message for error in validator.iter_errors(json.loads(file.read_text()))] == []


def test_there_is_a_finding_of_every_check():
    found = {finding["id"] for file in FILES for finding in json.loads(file.read_text())["findings"]}
    assert found == set(SCHEMA["$defs"]["check"]["enum"]) == set(SCHEMA["$defs"]["evidence"])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_member_of_the_evidence_may_be_missing(file):
    diagnosis = json.loads(file.read_text())
    for place, finding in enumerate(diagnosis["findings"]):
        for name in finding["evidence"]:
            changed = copy.deepcopy(diagnosis)
            del changed["findings"][place]["evidence"][name]
            assert errors(changed) != [], f"{finding['id']}: {name}"


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"sampled_at": "yesterday"},
        {"source": "guessed"},
        {"summary": {}},
        {"findings": [{"id": "unknown"}]},
        {"passed": ["unknown"]},
        {"duration_seconds": -1},
    ],
    ids=str,
)
def test_what_is_wrong_is_not_valid(change):
    diagnosis = json.loads((FOLDER / "incident.json").read_text())
    assert errors(diagnosis) == []
    assert errors({**diagnosis, **change}) != []
