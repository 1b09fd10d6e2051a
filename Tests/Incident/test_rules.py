"""The alert rules of the demo are those of dashboards/ but for their times: two Prometheus servers
say what they read in each."""

import re

import dashboards
import demo_rules
from prometheus import Prometheus

DURATION = re.compile(r"\b(?:\d+(?:ms|[smhdwy]))+\b")
PEAK = "timewait_dialed_listening_ports_peak"
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}


def rules_of(file, folder, port):
    """The groups of a file, as Prometheus gives them: (name, rules)."""
    config = f"rule_files: [{file}]\n"
    with Prometheus.started(config, folder, port=port) as server:
        return server._ask("rules")["groups"]


def seconds(duration):
    return sum(int(number) * SECONDS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdwy])", duration))


def without_times(expression):
    # The peak of five minutes that the exporter remembers is written out in the demo.
    expression = expression.replace(f"max_over_time({PEAK.removesuffix('_peak')}[5s])", PEAK)
    return DURATION.sub("TIME", expression)


def times(expression):
    return [seconds(duration) for duration in DURATION.findall(expression)]


def test_the_demo_has_the_alerts_of_the_dashboards_with_shorter_times(tmp_path):
    file = tmp_path / "demo.yml"
    file.write_text(demo_rules.text())
    wanted = rules_of(dashboards.FOLDER / "timewait-alerts.yml", tmp_path / "wanted", 19191)
    got = rules_of(file, tmp_path / "got", 19192)
    assert [group["name"] for group in got] == [group["name"] for group in wanted]
    shortened = 0
    for ours, theirs in zip(got, wanted):
        assert len(ours["rules"]) == len(theirs["rules"]) > 0
        for mine, other in zip(ours["rules"], theirs["rules"]):
            for key in ("name", "labels", "annotations", "type"):
                assert mine[key] == other[key]
            assert without_times(mine["query"]) == without_times(other["query"]), mine["name"]
            peaks = other["query"].count(PEAK)
            expected = [max(5, round(time / 60)) for time in [other["duration"], *times(other["query"])]]
            assert sorted([mine["duration"], *times(mine["query"])]) == sorted(expected + [5] * peaks), mine["name"]
            shortened += 1
    assert shortened == len(dashboards.alerts()) > 15


def test_a_changed_threshold_would_be_noticed():
    rules = demo_rules.text()
    assert without_times("x > 10 and y[5m] offset 1d") != without_times("x > 11 and y[5m] offset 1d")
    assert without_times("x > 10 and y[5m] offset 1d") == without_times("x > 10 and y[5s] offset 24m")
    assert rules.startswith("# The alert rules of")
