"""Grafana's own models, of the oldest and the newest version that the dashboards are for, know
every key."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

import dashboards

HERE = pathlib.Path(__file__).parent
MODELS = dashboards.ROOT / ".build" / "python"


def round_trip(version, file):
    environment = {**os.environ, "PYTHONPATH": str(MODELS / f"grafana-{version}")}
    command = [sys.executable, HERE / "round_trip.py", file]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("version", ["10.1", "11.6"])
@pytest.mark.parametrize("name", dashboards.load())
def test_the_model_loses_no_key(name, version):
    assert round_trip(version, dashboards.FOLDER / name) == ""


@pytest.mark.parametrize("version", ["10.1", "11.6"])
def test_the_round_trip_finds_a_key_that_is_unknown(version, tmp_path):
    dashboard = dashboards.load()["timewait-host.json"]
    dashboard["panels"][1]["titel"] = "a mistake"
    (tmp_path / "wrong.json").write_text(json.dumps(dashboard))
    assert round_trip(version, tmp_path / "wrong.json") == ".panels[1].titel"


def test_the_schema_is_the_one_that_all_versions_read():
    assert {dashboard["schemaVersion"] for dashboard in dashboards.load().values()} == {39}
