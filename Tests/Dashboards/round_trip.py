"""`round_trip.py FILE`: reads a dashboard with Grafana's own model of it (grafana-foundation-sdk,
wherever PYTHONPATH has it) and names every key and value that the model does not know. Nothing
printed: nothing lost."""

import json
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard


def lost(before, after, path=""):
    """Where a value of the first is missing or different in the second, which may have more."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key not in after:
                # null is how JSON says that there is nothing.
                if value is not None:
                    yield f"{path}.{key}"
            else:
                yield from lost(value, after[key], f"{path}.{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, value in enumerate(before):
            yield from lost(value, after[index], f"{path}[{index}]")
    elif before != after:
        yield f"{path}: {before!r} became {after!r}"


register_default_plugins()
with open(sys.argv[1]) as file:
    source = json.load(file)
encoded = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(source)))
print("\n".join(lost(source, encoded)), end="")
