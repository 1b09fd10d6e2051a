"""The Helm chart, by Helm itself (its SDK in Python's process), and what it renders."""

import helm_python
import yaml

from project import DEPLOY

FOLDER = DEPLOY / "helm" / "timewait-exporter"
EXAMPLES = sorted((FOLDER / "examples").glob("*.yaml"))
# What is tried with everything: the chart's own values, and each example's.
VALUES = {"default": {}} | {path.stem: yaml.safe_load(path.read_text()) for path in EXAMPLES}
NAME = "timewait-exporter"


def lint(values):
    """What helm lint --strict finds, less the wish for a picture."""
    found = helm_python.lint(str(FOLDER), values, strict=True, namespace="monitoring")
    return found["errors"] + [message["error"] for message in found["messages"] if message["severity"] > 1]


def texts(values, name=NAME, namespace="monitoring"):
    """The rendered files by the names of their templates."""
    with helm_python.Chart.load(str(FOLDER)) as chart:
        rendered = chart.render(values, name=name, namespace=namespace)
    return {path.split("/")[-1]: text for path, text in rendered.items()}


def objects(values, **where):
    """The rendered objects."""
    files = {name: text for name, text in texts(values, **where).items() if name.endswith(".yaml")}
    return [thing for text in files.values() for thing in yaml.safe_load_all(text) if thing]


def one(kind, values, **where):
    """The only object of a kind."""
    found = [thing for thing in objects(values, **where) if thing["kind"] == kind]
    assert len(found) == 1, f"{kind}: {len(found)}"
    return found[0]
