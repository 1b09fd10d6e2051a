"""The recording rules and alerts, before Prometheus' own judge."""

import pathlib
import subprocess

import pytest

import dashboards

CASES = sorted((pathlib.Path(__file__).parent / "rules").glob("*.test.yml"))
RULES = [dashboards.FOLDER / "timewait-rules.yml", dashboards.FOLDER / "timewait-alerts.yml"]


def promtool(*arguments):
    result = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True)
    return result.returncode, result.stdout + result.stderr


@pytest.mark.parametrize("file", RULES, ids=lambda file: file.name)
def test_promtool_accepts_the_rules(file):
    status, said = promtool("check", "rules", "--lint=all", "--lint-fatal", file)
    assert status == 0, said


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.name)
def test_rules_give_what_the_case_expects(file):
    status, said = promtool("test", "rules", file)
    assert status == 0, said


def test_every_alert_and_every_recording_rule_has_its_case():
    names = {file.name.removesuffix(".test.yml") for file in CASES}
    assert {alert["alert"] for alert in dashboards.alerts()} <= names
    text = (CASES[0].parent / "recording_rules.test.yml").read_text()
    assert [rule["record"] for rule in dashboards.records() if f"expr: {rule['record']}\n" not in text] == []
    for quiet in ("at_rest", "busy_reverse_proxy", "clean_restart"):
        text = (CASES[0].parent / f"{quiet}.test.yml").read_text()
        assert [a["alert"] for a in dashboards.alerts() if f"alertname: {a['alert']}\n" not in text] == []


def test_rules_aggregate_without_and_never_by_instance():
    for rule in dashboards.alerts() + dashboards.records():
        assert "by(" not in rule["expr"].replace(" ", ""), rule["expr"]
