"""The recorded half hour (history/half-hour.jsonl.xz, which history/record.py made), as Prometheus
would have it: its samples, what the recording rules make of them, and which alerts would have
fired."""

import contextlib
import json
import lzma
import pathlib
import re
import subprocess

import dashboards
from prometheus import Prometheus

RECORDING = pathlib.Path(__file__).parent / "history" / "half-hour.jsonl.xz"
STEP = 10
# What is backfilled has no marks of where a series ends.
LOOKBACK = f"--query.lookback-delta={STEP * 3 // 2}s"
CONFIG = f"global: {{ scrape_interval: {STEP}s, evaluation_interval: {STEP}s }}\n"


def pages():
    """What was fetched: (host, time, page or None)."""
    with lzma.open(RECORDING, "rt") as file:
        for line in file:
            fetched = json.loads(line)
            yield fetched["host"], fetched["time"], fetched["page"]


def span():
    """The times of the first and the last page."""
    times = [at for _, at, _ in pages()]
    return min(times), max(times)


def target(host):
    return f'cluster="demo",job="timewait",instance="{host}:10057"'


def samples():
    """Lines of OpenMetrics."""
    for host, at, page in pages():
        yield f"up{{{target(host)}}} {0 if page is None else 1} {at}"
        for line in (page or "").splitlines():
            if line and not line.startswith("#"):
                name, labels, value = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line).groups()
                yield f"{name}{{{','.join(filter(None, [target(host), labels]))}}} {value} {at}"


def backfill(lines, data):
    """Adds lines of OpenMetrics to a database that nobody has open."""
    file = data / "backfill.om"
    file.write_text("\n".join(lines) + "\n# EOF\n")
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", file, data]
    subprocess.run(command, check=True, capture_output=True)
    file.unlink()


def seconds(duration):
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600}[duration[-1]]


def firing(server, start, end):
    """When each alert would have been firing: (alert's rule, labels, times)."""
    for alert in dashboards.alerts():
        for labels, values in server.range(alert["expr"], start, end, STEP):
            labels = {name: value for name, value in labels.items() if name != "__name__"}
            since, before, times = None, None, []
            for at, _ in values:
                if before is None or at - before > STEP:
                    since = at
                before = at
                if at - since >= seconds(alert["for"]):
                    times.append(at)
            yield alert, labels, times


def alerts(server, start, end):
    """Lines of the series ALERTS, which Prometheus writes itself when it evaluates alerts."""
    for alert, labels, times in firing(server, start, end):
        labels = {**labels, **alert["labels"], "alertname": alert["alert"], "alertstate": "firing"}
        text = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
        yield from (f"ALERTS{{{text}}} 1 {at}" for at in times)


@contextlib.contextmanager
def prometheus(folder):
    """A Prometheus that has lived through it."""
    data = folder / "history"
    data.mkdir()
    backfill(samples(), data)
    start, end = span()
    rules = dashboards.FOLDER / "timewait-rules.yml"
    with Prometheus.started(CONFIG, data, LOOKBACK) as server:
        command = ["promtool", "tsdb", "create-blocks-from", "rules", f"--start={start + 60:.0f}", f"--end={end:.0f}"]
        command += [f"--eval-interval={STEP}s", f"--output-dir={data}", f"--url={server.url}", rules]
        subprocess.run(command, check=True, capture_output=True)
        fired = list(alerts(server, start + 60, end))
    if fired:
        backfill(fired, data)
    with Prometheus.started(CONFIG, data, LOOKBACK) as server:
        yield server
