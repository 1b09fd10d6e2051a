"""The dashboards and alerts have nothing that a linter objects to, and the linter objects to what
it should."""

import copy
import json
import re

import pytest

import dashboards
import lint

DASHBOARDS = dashboards.load()


@pytest.mark.parametrize("rule", [*lint.LINTER, *lint.OURS])
@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_keeps_the_rule(name, rule):
    assert list({**lint.LINTER, **lint.OURS}[rule](DASHBOARDS[name])) == []


@pytest.mark.parametrize("rule", lint.ALERTS)
@pytest.mark.parametrize("alert", dashboards.alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_keeps_the_rule(alert, rule):
    assert list(lint.ALERTS[rule](alert)) == []


def host():
    return copy.deepcopy(DASHBOARDS["timewait-host.json"])


def change(*path, to):
    """The host's dashboard with one thing changed, or removed if it is changed to None."""
    dashboard = host()
    place = dashboard
    for key in path[:-1]:
        place = place[key]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return dashboard


def place(kind):
    """Where the first panel of a kind stands."""
    return next(i for i, panel in enumerate(host()["panels"]) if panel["type"] == kind)


def ask(expression):
    return change("panels", place("timeseries"), "targets", 0, "expr", to=expression)


ALL = 'cluster=~"$cluster", job=~"$job", instance=~"$instance"'
LOKI = {"type": "loki", "uid": "${datasource}"}
FAULTS = {
    "template-datasource-rule": change("templating", "list", 0, "label", to="Source"),
    "template-job-rule": change("templating", "list", 2, "allValue", to=".*"),
    "template-instance-rule": change("templating", "list", 3, "multi", to=False),
    "template-label-promql-rule": change("templating", "list", 3, "query", to="label_values(sum(, instance)"),
    "template-on-time-change-reload-rule": change("templating", "list", 3, "refresh", to=1),
    "panel-datasource-rule": change("panels", place("stat"), "datasource", "uid", to="abc"),
    "panel-title-description-rule": change("panels", place("table"), "description", to=""),
    "panel-units-rule": change("panels", place("timeseries"), "fieldConfig", "defaults", "unit", to="sockets"),
    "panel-no-targets-rule": change("panels", place("stat"), "targets", to=[]),
    "target-logql-rule": change("panels", place("timeseries"), "targets", 0, "datasource", to=LOKI),
    "target-promql-rule": ask("sum(timewait_sockets"),
    "target-rate-interval-rule": ask(f"rate(timewait_recycled_total{{{ALL}}}[5m])"),
    "target-job-rule": ask('sum(timewait_sockets{instance=~"$instance", job="$job"})'),
    "target-instance-rule": ask('sum(timewait_sockets{job=~"$job"})'),
    "target-counter-agg-rule": ask(f"max_over_time(timewait_recycled_total{{{ALL}}}[5m])"),
    "uneditable-dashboard": change("editable", to=True),
    "dashboard-title-uid": change("uid", to=None),
    "panel-thresholds": change("panels", place("stat"), "fieldConfig", "defaults", "thresholds", to={}),
    "variable-current": change("templating", "list", 0, "current", to={}),
    "panels-in-place": change("panels", place("stat"), "gridPos", "x", to=1),
}
logql = ask('rate({app="x"}[5m])')
logql["panels"][place("timeseries")]["datasource"] = LOKI
FAULTS["target-logql-auto-rule"] = logql


@pytest.mark.parametrize("rule", [*lint.LINTER, *lint.OURS])
def test_the_rule_finds_a_fault(rule):
    assert list({**lint.LINTER, **lint.OURS}[rule](FAULTS[rule]))


ALERT_FAULTS = {
    "alert-name-camelcase": {"alert": "time_wait"},
    "alert-severity-rule": {"labels": {"severity": "page"}},
    "alert-description-missing-rule": {"annotations": {"summary": "A sentence."}},
    "alert-description-templating": {"annotations": {"description": "It is broken."}},
    "alert-summary-missing-rule": {"annotations": {}},
    "alert-summary-templating": {"annotations": {"summary": "{{ $labels.instance }} is broken."}},
    "alert-summary-style": {"annotations": {"summary": "broken"}},
    "alert-runbook": {"alert": "TimeWaitUnknown"},
    "alert-for": {"for": ""},
}


@pytest.mark.parametrize("rule", lint.ALERTS)
def test_the_rule_finds_a_fault_of_an_alert(rule):
    assert list(lint.ALERTS[rule]({**dashboards.alerts()[0], **ALERT_FAULTS[rule]}))


def test_there_are_all_rules_of_the_linter():
    assert len(lint.LINTER) == 17


# Which dashboards are to be reached from a cell of a table.
LINKED = {"timewait-fleet": {"timewait-host", "timewait-port"}, "timewait-host": {"timewait-port"}, "timewait-port": set()}


def test_dashboards_name_each_other_and_the_runbooks():
    uids = {dashboard["uid"] for dashboard in DASHBOARDS.values()}
    assert uids == set(LINKED)
    for dashboard in DASHBOARDS.values():
        tagged = [link for link in dashboard["links"] if link["type"] == "dashboards"]
        assert [link["tags"] for link in tagged] == [dashboard["tags"]]
        linked = set(re.findall(r"/d/([\w-]+)\?", json.dumps(dashboard)))
        assert linked == LINKED[dashboard["uid"]]
        pages = {url.rsplit("/", 1)[1] for url in _urls(dashboard) if "/runbooks/" in url and "${" not in url}
        assert pages and all((dashboards.ROOT / "docs" / "runbooks" / page).exists() for page in pages)


def _urls(value):
    if isinstance(value, dict):
        if isinstance(value.get("url"), str):
            yield value["url"]
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _urls(one)
