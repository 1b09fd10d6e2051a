"""What a panel shows, as Grafana would work it out: the answers to its queries, and what the
transformations and the configuration of fields make of them."""

import datetime
import re

import dashboards


def legend(target, labels):
    text = target["legendFormat"] or ", ".join(f"{k}={v}" for k, v in sorted(labels.items()) if k != "__name__")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: labels.get(match[1], ""), text)


def lines(server, panel, values, start, end, step):
    """The lines of a panel over time: (name, [(time, value)])."""
    for target in panel["targets"]:
        for labels, points in server.range(dashboards.expand(target["expr"], values), start, end, step):
            yield legend(target, labels), points


def table(server, panel, values, at):
    """The columns' names and the rows of a table: (heading, value) by column."""
    rows = []
    for target in panel["targets"]:
        column = "Value" if len(panel["targets"]) == 1 else f"Value #{target['refId']}"
        for labels, value in server.instant(dashboards.expand(target["expr"], values), at):
            labels = {name: text for name, text in labels.items() if name != "__name__"}
            _merge(rows, labels, column, value)
    organize = next(t["options"] for t in panel["transformations"] if t["id"] == "organize")
    order = sorted(organize["renameByName"], key=lambda name: organize["indexByName"].get(name, 99))
    shown = [name for name in order if any(name in row for row in rows)]
    headings = [organize["renameByName"][name] for name in shown]
    found = [{organize["renameByName"][name]: row.get(name) for name in shown} for row in rows]
    for sort in panel["options"]["sortBy"]:
        key = sort["displayName"]
        known = [row for row in found if row.get(key) is not None]
        known.sort(key=lambda row: row[key], reverse=sort["desc"])
        found = known + [row for row in found if row.get(key) is None]
    return headings, found


def _merge(rows, labels, column, value):
    """Rows whose common labels agree become one."""
    for row in rows:
        common = [name for name in labels if name in row]
        if column not in row and common and all(row[name] == labels[name] for name in common):
            row.update(labels)
            row[column] = value
            return
    rows.append({**labels, column: value})


def properties(panel, heading=None):
    """The configuration of a field: the panel's defaults, and what overrides them for a column."""
    config = panel["fieldConfig"]
    found = dict(config["defaults"])
    for override in config["overrides"]:
        if override["matcher"]["options"] == heading:
            found.update({one["id"]: one["value"] for one in override["properties"]})
            found["colored"] = any(one["id"] == "custom.cellOptions" for one in override["properties"])
    return found


def color(config, value):
    """The colour of a value by its thresholds."""
    found = "text"
    for step in config["thresholds"]["steps"]:
        if step["value"] is None or value >= step["value"]:
            found = step["color"]
    return found


def mapped(config, value):
    """The text and colour that a mapping gives to a value; None where there is none."""
    for mapping in config.get("mappings", []):
        options = mapping["options"]
        if mapping["type"] == "value":
            key = value if isinstance(value, str) else f"{value:g}"
            if key in options:
                return options[key]["text"], options[key]["color"]
        elif not isinstance(value, str) and value >= options["from"]:
            return options["result"]["text"], options["result"]["color"]
    return None


def _scaled(value, steps, digits=3):
    for size, suffix in steps:
        if abs(value) >= size:
            return f"{value / size:.{digits}g}{suffix}"
    return f"{value:.{digits}g}"


def text(value, unit):
    """A value with its unit."""
    if isinstance(value, str):
        return value
    if value != value:
        return "-"
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "s":
        if value == 0:
            return "0 s"
        if value < 1e-3:
            return f"{value * 1e6:.3g} µs"
        if value < 1:
            return f"{value * 1000:.3g} ms"
        steps = [(3600, " h"), (60, " min"), (1, " s")]
        return _scaled(value, steps)
    if unit == "bytes":
        return _scaled(value, [(2**30, " GiB"), (2**20, " MiB"), (2**10, " KiB"), (1, " B")])
    if unit == "dateTimeAsIso":
        return datetime.datetime.fromtimestamp(value / 1000, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")
    if unit == "none":
        return f"{value:g}"
    number = _scaled(value, [(1e9, " Bil"), (1e6, " Mil"), (1e3, " K")]) if abs(value) >= 1000 else f"{value:.3g}"
    return number + {"cps": " c/s", "reqps": " req/s"}.get(unit, "")
