"""The 17 rules of grafana/dashboard-linter (4d0844b), by their names there, and the lints that
mixtool adds, and some of ours. A rule yields sentences; none means that there is nothing to say."""

import pathlib
import re

import dashboards
import promql

UNITS = set((pathlib.Path(__file__).parent / "units.txt").read_text().split())
PANELS = {"stat", "singlestat", "graph", "table", "timeseries", "gauge"}
DATASOURCES = {"$datasource", "${datasource}", "$prometheus_datasource", "${prometheus_datasource}"}
# No other range is as long: so $__rate_interval is recognised among ranges that are written out.
RATE_INTERVAL = 8869990
GLOBALS = {
    "__rate_interval": "8869990s",
    "__interval": "4867856s",
    "__range": "6069770s",
    "__range_s": "9397795485",
}


def variables(dashboard, kind):
    return [v for v in dashboard["templating"]["list"] if v["type"] == kind]


def variable(dashboard, name):
    return next((v for v in dashboard["templating"]["list"] if v["name"] == name), None)


def expressions(dashboard):
    """Every target's panel, expression and syntax tree; None where there is none. Variables stand
    for themselves."""
    for panel in dashboards.panels(dashboard):
        for target in panel.get("targets", []):
            yield panel, target["expr"], tree(target["expr"])


def tree(expression):
    names = {name: "$" + name for name in re.findall(r"\$\{?(\w+)", expression) if name not in GLOBALS}
    try:
        return promql.parse(dashboards.expand(expression, {**GLOBALS, **names}))
    except ValueError:
        return None


def template_datasource(dashboard):
    found = variables(dashboard, "datasource")
    if not found:
        yield "no variable for the data source"
    for one in found:
        if one["name"] not in ("datasource", f"{one['query']}_datasource"):
            yield f"the data source's variable is named {one['name']}"
        if one["label"] not in ("Data source", f"{one['query'].title()} data source"):
            yield f"the data source's variable is labelled {one['label']}"


def template_matcher(name):
    def rule(dashboard):
        found = variable(dashboard, name)
        if found is None:
            yield f"no variable {name}"
            return
        if found["type"] != "query":
            yield f"the variable {name} is no query"
        if found.get("datasource", {}).get("uid") not in DATASOURCES:
            yield f"the variable {name} has a fixed data source"
        if found.get("label") != name.title():
            yield f"the variable {name} is labelled {found.get('label')}"
        if not found.get("multi"):
            yield f"the variable {name} takes one value only"
        if found.get("allValue") != ".+":
            yield f"all of variable {name} is {found.get('allValue')}"

    return rule


def template_label_promql(dashboard):
    for one in variables(dashboard, "query"):
        selector = isinstance(one["query"], str) and dashboards.selector_of(one["query"])
        if not selector or tree(selector) is None:
            yield f"the variable {one['name']} is filled by {one['query']}"


def template_on_time_change_reload(dashboard):
    for one in variables(dashboard, "query"):
        if one.get("refresh") != 2:
            yield f"the variable {one['name']} is not read again when the time changes"


def panel_datasource(dashboard):
    for panel in dashboards.panels(dashboard):
        if panel["type"] in PANELS and panel.get("datasource", {}).get("uid") not in DATASOURCES:
            yield f"{panel['title']}: a fixed data source"


def panel_title_description(dashboard):
    for panel in dashboards.panels(dashboard):
        if not panel.get("title") or not panel.get("description"):
            yield f"panel {panel.get('id')}: no title or no description"


def panel_units(dashboard):
    for panel in dashboards.panels(dashboard):
        if panel["type"] not in PANELS or panel.get("options", {}).get("reduceOptions", {}).get("fields"):
            continue
        config = panel.get("fieldConfig", {})
        overrides = [p for o in config.get("overrides", []) for p in o["properties"]]
        if config.get("defaults", {}).get("mappings") or any(p["id"] == "mappings" for p in overrides):
            continue
        units = [p["value"] for p in overrides if p["id"] == "unit"] or [config.get("defaults", {}).get("unit")]
        for unit in units:
            if unit not in UNITS:
                yield f"{panel['title']}: the unit is {unit}"


def panel_no_targets(dashboard):
    for panel in dashboards.panels(dashboard):
        if panel["type"] in PANELS and not panel.get("targets"):
            yield f"{panel['title']}: nothing is asked"


def target_promql(dashboard):
    for panel, expression, syntax in expressions(dashboard):
        if syntax is None:
            yield f"{panel['title']}: not PromQL: {expression}"


def target_logql(dashboard):
    for panel in dashboards.panels(dashboard):
        for target in panel.get("targets", []):
            if "loki" in (panel["datasource"].get("type"), target.get("datasource", {}).get("type")):
                yield f"{panel['title']}: asks Loki, for which there is no parser here: {target['expr']}"


def target_logql_auto(dashboard):
    for panel, expression, _ in expressions(dashboard):
        if panel["datasource"].get("type") == "loki" and "[" in expression and "$__auto" not in expression:
            yield f"{panel['title']}: asks Loki over a range other than $__auto"


def target_rate_interval(dashboard):
    for panel, expression, syntax in expressions(dashboard):
        for seconds, function in promql.ranges(syntax) if syntax else ():
            if function in ("rate", "irate") and abs(seconds - RATE_INTERVAL) > 1:
                yield f"{panel['title']}: a rate over another range than $__rate_interval: {expression}"


def target_matcher(name):
    def rule(dashboard):
        for panel, expression, syntax in expressions(dashboard):
            for selector, _ in promql.selectors(syntax) if syntax else ():
                if not promql.has_matcher(selector, name, "$" + name):
                    yield f'{panel["title"]}: without {name}=~"${name}": {expression}'

    return rule


def target_counter_agg(dashboard):
    for panel, expression, syntax in expressions(dashboard):
        for selector, parents in promql.selectors(syntax) if syntax else ():
            if not (selector.name or "").endswith("_total"):
                continue
            function = parents[-2].func.name if len(parents) > 1 and hasattr(parents[-2], "func") else None
            if function not in ("rate", "irate", "increase"):
                yield f"{panel['title']}: a counter without rate or increase: {expression}"


def uneditable(dashboard):
    if dashboard.get("editable", True):
        yield "it can be edited"


LINTER = {
    "template-datasource-rule": template_datasource,
    "template-job-rule": template_matcher("job"),
    "template-instance-rule": template_matcher("instance"),
    "template-label-promql-rule": template_label_promql,
    "template-on-time-change-reload-rule": template_on_time_change_reload,
    "panel-datasource-rule": panel_datasource,
    "panel-title-description-rule": panel_title_description,
    "panel-units-rule": panel_units,
    "panel-no-targets-rule": panel_no_targets,
    "target-logql-rule": target_logql,
    "target-logql-auto-rule": target_logql_auto,
    "target-promql-rule": target_promql,
    "target-rate-interval-rule": target_rate_interval,
    "target-job-rule": target_matcher("job"),
    "target-instance-rule": target_matcher("instance"),
    "target-counter-agg-rule": target_counter_agg,
    "uneditable-dashboard": uneditable,
}


def dashboard_title_uid(dashboard):
    if not dashboard.get("title") or not dashboard.get("uid"):
        yield "no title or no uid"


def panel_thresholds(dashboard):
    for panel in dashboards.panels(dashboard):
        defaults = panel.get("fieldConfig", {}).get("defaults", {})
        if not defaults.get("thresholds", {}).get("steps") or not defaults.get("unit"):
            yield f"{panel['title']}: no thresholds or no unit"


def panels_in_place(dashboard):
    taken = {}
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        if place["x"] + place["w"] > 24:
            yield f"{panel['title']}: reaches beyond the page"
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                other = taken.setdefault((x, y), panel["title"])
                if other != panel["title"]:
                    yield f"{panel['title']}: lies over {other}"
                    return


def variable_current(dashboard):
    """Grafana 12 leaves a variable without `current` unresolved at the first load."""
    for one in dashboard["templating"]["list"]:
        current = one.get("current") or {}
        if not current.get("value") or not current.get("text"):
            yield f"the variable {one['name']} has no value before one is chosen"


OURS = {
    "variable-current": variable_current,
    "dashboard-title-uid": dashboard_title_uid,
    "panel-thresholds": panel_thresholds,
    "panels-in-place": panels_in_place,
}


def alert_name_camelcase(alert):
    if not re.fullmatch(r"([A-Z]+[a-z0-9]+)+", alert["alert"]):
        yield f"{alert['alert']} is no CamelCase"


def alert_severity(alert):
    if alert.get("labels", {}).get("severity") not in ("critical", "warning", "info"):
        yield f"the severity is {alert.get('labels', {}).get('severity')}"


def alert_description_missing(alert):
    if not alert.get("annotations", {}).get("description"):
        yield "no description"


def alert_description_templating(alert):
    if "{{" not in alert.get("annotations", {}).get("description", ""):
        yield "the description is the same for all"


def alert_summary_missing(alert):
    if not alert.get("annotations", {}).get("summary"):
        yield "no summary"


def alert_summary_templating(alert):
    if "{{" in alert.get("annotations", {}).get("summary", ""):
        yield "the summary differs by the labels, so that alerts cannot be grouped by it"


def alert_summary_style(alert):
    if not re.fullmatch(r"[A-Z].+\.", alert.get("annotations", {}).get("summary", "")):
        yield "the summary is no sentence"


def alert_runbook(alert):
    page = dashboards.ROOT / "docs" / "runbooks" / f"{alert['alert']}.md"
    if not alert.get("annotations", {}).get("runbook_url", "").endswith("/" + page.name) or not page.exists():
        yield f"no runbook at {page.relative_to(dashboards.ROOT)}"


def alert_for(alert):
    if not alert.get("for"):
        yield "it fires at once"


ALERTS = {
    "alert-name-camelcase": alert_name_camelcase,
    "alert-severity-rule": alert_severity,
    "alert-description-missing-rule": alert_description_missing,
    "alert-description-templating": alert_description_templating,
    "alert-summary-missing-rule": alert_summary_missing,
    "alert-summary-templating": alert_summary_templating,
    "alert-summary-style": alert_summary_style,
    "alert-runbook": alert_runbook,
    "alert-for": alert_for,
}
