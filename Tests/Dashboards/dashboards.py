"""The committed dashboards and rules, and how Grafana would fill in their variables."""

import functools
import json
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "dashboards"
MIXIN = FOLDER / "mixin" / "mixin.libsonnet"


def load(folder=FOLDER):
    """The dashboards of a folder by their file's name."""
    return {path.name: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


@functools.cache
def mixin(field):
    """A field of the mixin, such as prometheusAlerts."""
    program = f"(import '{MIXIN}').{field}"
    return json.loads(subprocess.run(["jsonnet", "-e", program], check=True, capture_output=True, text=True).stdout)


def alerts():
    return [rule for group in mixin("prometheusAlerts")["groups"] for rule in group["rules"]]


def records():
    return [rule for group in mixin("prometheusRules")["groups"] for rule in group["rules"]]


def panels(dashboard):
    """All that shows something, in rows or not."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel["panels"]
        else:
            yield panel


def queries(dashboard):
    """Every expression of a dashboard: of panels, variables and annotations, with where it
    stands."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            yield f"{panel['title']} {target['refId']}", target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield f"variable {variable['name']}", selector_of(variable["query"])
    for annotation in dashboard["annotations"]["list"]:
        yield f"annotation {annotation['name']}", annotation["expr"]


def selector_of(query):
    """The selector in `label_values(SELECTOR, LABEL)`; None if it is no such query."""
    match = re.fullmatch(r"label_values\((.+), *([a-zA-Z_]\w*)\)", query)
    return match and match[1]


def expand(text, values):
    """The text with $name, ${name} and ${name:format} filled in. A list becomes an alternative of a
    regular expression."""

    def value(match):
        name = match[1] or match[2]
        if name not in values:
            return match[0]
        found = values[name]
        if isinstance(found, str):
            return found
        if match[3] == "queryparam":
            return "&".join(f"var-{name}={one}" for one in found)
        return found[0] if len(found) == 1 else f"({'|'.join(found)})"

    return re.sub(r"\$(\w+)|\$\{(\w+)(?::(\w+))?\}", value, text)


def all_values(dashboard):
    """What each query variable stands for when all are chosen."""
    return {v["name"]: v["allValue"] for v in dashboard["templating"]["list"] if v["type"] == "query"}
