"""Everything at once: an exporter, real connections, a real Prometheus and a real Alertmanager, in
a network namespace of their own (.ci/run-python-tests makes it)."""

import http.server
import json
import os
import pathlib
import re
import resource
import socket
import subprocess
import sys
import threading
import time

import pytest

import dashboards
import pictures
import promql
from prometheus import Prometheus, get, poll, running
from tracepoint import obstacle

TRAFFIC = pathlib.Path(__file__).parent / "history" / "traffic.py"
METRICS = dashboards.ROOT / "docs" / "metrics.md"
EXPORTER = dashboards.ROOT / ".build" / "debug" / "timewait_exporter"
EXHAUSTER = dashboards.ROOT / "Tests" / "Who" / "exhauster.py"

CONFIG = f"""
global: {{ scrape_interval: 1s, evaluation_interval: 1s }}
rule_files: [{dashboards.FOLDER}/timewait-rules.yml, {dashboards.FOLDER}/timewait-alerts.yml]
alerting: {{ alertmanagers: [{{ static_configs: [{{ targets: ["127.0.0.1:19093"] }}] }}] }}
scrape_configs:
  - job_name: timewait
    static_configs: [{{ targets: ["127.0.0.1:10057"], labels: {{ cluster: test }} }}]
"""
ALERTMANAGER = """
route: { receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h }
receivers: [{ name: hook, webhook_configs: [{ url: "http://127.0.0.1:19094/", send_resolved: true }] }]
"""

# The kernel gives no connection these: the test binds 40501 and 40502 itself, a service has 40600,
# nothing has 50000.
RESERVED = "40501-40502,40600,50000"

# Queries that have nothing to say here, and why.
SILENT = {
    "expired": "this kernel counts the entries",
    "limit, once it is near": "the limit is far",
    "errors: {{collector}} {{reason}}": "no reading failed",
}
# Families of docs/metrics.md that no dashboard, rule or alert uses, and why.
UNUSED = {
    "timewait_sysctl_tcp_tw_timeout_seconds": "few kernels have it, and timewait_duration_seconds is the same there",
    "process_max_fds": "the exporter opens a handful of descriptors, and its own limits are counted",
    "timewait_exporter_config_last_reload_success_timestamp_seconds": "there only with --web.config.file",
    "timewait_exporter_tls_handshake_errors_total": "there only over TLS",
    "timewait_exporter_connections_limit": "a setting",
    "timewait_tracked_sockets_limit": "a setting, or what the memory of the process allows",
}
# Why closes cannot be traced here; None where they can. Where everything has to be tried, that is a
# failure.
UNTRACED = obstacle()
WHO = {
    "timewait_closes_total",
    "timewait_other_closes_total",
    "timewait_port_closes_total",
    "timewait_connect_failures_total",
    "timewait_other_connect_failures_total",
    "timewait_who_events_total",
}
# The connect() calls of `greedy` that find no port, in two parts: a rate needs two.
FAILURES = 5, 7


class Hook(http.server.BaseHTTPRequestHandler):
    """Where Alertmanager sends to: keeps (alert's name, status)."""

    received = []

    def do_POST(self):
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Hook.received += [(alert["labels"]["alertname"], alert["status"], alert["annotations"]) for alert in told["alerts"]]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def sysctl(name, value):
    pathlib.Path("/proc/sys/net/ipv4", name).write_text(value)


def listens(port):
    """Whether something listens on it: what a connect() would find, without one."""
    rows = pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(row.split()[1].endswith(f":{port:04X}") and row.split()[3] == "0A" for row in rows)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A host on which everything happens that a dashboard shows; gives Prometheus and what ends the
    trouble."""
    folder = tmp_path_factory.mktemp("live")
    sysctl("ip_local_port_range", "40000 40999")
    # 40500 is reserved until its service has bound it. From then on it is exposed.
    sysctl("ip_local_reserved_ports", f"40500,{RESERVED}")
    sysctl("tcp_tw_reuse", "0")
    programs = {}

    def traffic(name, *words):
        log = open(folder / f"{name}.log", "w")
        # Its process has the name of its file.
        (folder / name).symlink_to(pathlib.Path(sys.executable).resolve())
        programs[name] = subprocess.Popen([folder / name, str(TRAFFIC), *words], stdout=log, stderr=log)

    def exhaust(failures):
        """Connections on all ports to one service, until so many calls find none. They end at
        once."""
        command = [sys.executable, str(EXHAUSTER), "greedy", "127.0.0.1", "9002", str(failures), "--reset"]
        # The kernel accepts them; a service that falls behind would cost a second for each lost
        # SYN.
        with socket.create_server(("127.0.0.1", 9002), backlog=4096):
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=120)

    # For a connection on each port of the range.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    def stop(name):
        programs[name].terminate()
        programs.pop(name).wait(10)

    hook = http.server.ThreadingHTTPServer(("127.0.0.1", 19094), Hook)
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    try:
        traffic("services", "serve", "3000", "5000", "8080", "9090", "40500", "40600")
        traffic("brief", "serve", "8081")
        traffic("backend", "serve", "9000")
        traffic("other", "serve", "9001")
        for port in (3000, 5000, 8080, 9090, 40500, 40600, 8081, 9000, 9001):
            poll(f"{port} is listened on", lambda port=port: listens(port))
        sysctl("ip_local_reserved_ports", RESERVED)
        (folder / "alertmanager.yml").write_text(ALERTMANAGER)
        exporter = [EXPORTER, "--web.listen-address=127.0.0.1:10057", "--sampler.interval=1s"]
        # An empty one turns nothing on.
        (folder / "web.yml").write_text("")
        exporter += ["--services.ports=8080,8081,40501,8125/udp", "--peers.limit=3", f"--web.config.file={folder}/web.yml"]
        # A debug build that has to read a full range would read it seldom.
        exporter += ["--sampler.cpu-limit=100", *([] if UNTRACED else ["--who"])]
        manager = ["prometheus-alertmanager", f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/am"]
        manager += ["--web.listen-address=127.0.0.1:19093", "--cluster.listen-address=", "--log.level=warn"]
        with (
            running(exporter, folder / "exporter.log"),
            running(manager, folder / "alertmanager.log"),
            Prometheus.started(CONFIG, folder / "prometheus") as prometheus,
        ):
            poll("the target is up", lambda: prometheus.instant('up{job="timewait"}') and prometheus.instant("up")[0][1])
            time.sleep(1)
            traffic("sessions", "hold", "127.0.0.1", "8080", "--count", "20")
            dialed = ["3000", "5000", "8080", "9090", "40500", "40600"]
            traffic("prober", "dial", "127.0.0.1", *dialed, "--rate=3", "--closer=client")
            traffic("closed", "dial", "127.0.0.1", "8080", "8081", "--rate=5", "--closer=server")
            traffic("leak", "hold", "127.0.0.1", "9000", "--count=2000", "--rate=4")
            traffic("squatter", "hold", "127.0.0.1", "9001", "--count=1", "--source-port=40501")
            traffic("lost", "itself", "40502")
            for count in FAILURES if UNTRACED is None else ():
                before = failed_connects(prometheus)
                exhaust(count)
                poll("the failures are scraped", lambda all=before + count: failed_connects(prometheus) == all)
            time.sleep(15)
            sysctl("tcp_fin_timeout", "30")
            # What it had closed first stays on its port for a minute.
            stop("closed")
            stop("brief")
            yield prometheus, stop
    finally:
        for name in list(programs):
            stop(name)
        hook.shutdown()


def failed_connects(prometheus):
    return sum(value for _, value in prometheus.instant('timewait_connect_failures_total{process="greedy"}'))


def told(name, status):
    return [annotations for alert, state, annotations in list(Hook.received) if (alert, state) == (name, status)]


EXPECTED = {
    "TimeWaitServicePortBlocked": "Port 8081 of 127.0.0.1:10057 has no listener",
    "TimeWaitServicePortTaken": "Sockets that hold port 40501 of 127.0.0.1:10057 and do not belong to its service: 1.",
    "TimeWaitSelfConnected": "Sockets of 127.0.0.1:10057 with the same address and port at both ends: 1",
}


def test_closes_can_be_traced_where_everything_has_to_be_tried():
    assert os.environ.get("CI") != "true" or UNTRACED is None, UNTRACED


def test_the_panels_of_programs_show_who_closed_first_and_whose_connect_failed(world):
    if UNTRACED:
        pytest.skip(UNTRACED)
    prometheus, _ = world
    dashboard = dashboards.load()["timewait-host.json"]
    panels = {panel["title"]: panel["targets"] for panel in dashboards.panels(dashboard)}
    now = time.time()

    def highest(title):
        """The highest value of each series of a panel, by the name of its process."""
        found = {}
        for target in panels[title]:
            for labels, values in prometheus.range(fill(target["expr"], dashboard), now - 300, now, 1):
                found[labels.get("process")] = max(float(value) for _, value in values)
        return found

    closes = highest("TIME_WAITs by program")
    # It dials six services, three times a second. `closed` has two of them close first, five times.
    assert closes["prober"] > closes["services"] > 0 and closes["brief"] > 0
    assert closes[None] == 0
    failures = highest("connect() failures by program")
    assert failures["greedy"] > 0 and failures[None] == 0
    assert failed_connects(prometheus) == sum(FAILURES)


def test_three_alerts_reach_the_webhook(world):
    for name, description in EXPECTED.items():
        poll(f"{name} is reported", lambda: told(name, "firing"), 180)
        assert told(name, "firing")[0]["description"].startswith(description)
        assert told(name, "firing")[0]["runbook_url"].endswith(f"/{name}.md")
    # The first has ended meanwhile: the TIME_WAITs that hold its port last a minute.
    active = {alert["labels"]["alertname"] for alert in get("http://127.0.0.1:19093/api/v2/alerts?active=true")}
    assert {"TimeWaitServicePortTaken", "TimeWaitSelfConnected"} <= active


def fill(text, dashboard):
    return dashboards.expand(text, {**dashboards.all_values(dashboard), "__rate_interval": "20s", "__range": "60s"})


@pytest.mark.parametrize("name", dashboards.load())
def test_every_panel_and_every_variable_has_data(world, name):
    prometheus, _ = world
    dashboard = dashboards.load()[name]
    now = time.time()
    empty = []
    for panel in dashboards.panels(dashboard):
        for target in panel["targets"]:
            expression = fill(target["expr"], dashboard)
            if target.get("instant"):
                found = prometheus.instant(expression)
            else:
                found = prometheus.range(expression, now - 60, now, 2)
            if not found and target["legendFormat"] not in SILENT and not (UNTRACED and pictures.needs_who(panel)):
                empty.append(f"{panel['title']}: {expression}")
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            selector = fill(dashboards.selector_of(variable["query"]), dashboard)
            if not prometheus.label_values(variable["name"], selector, now - 60, now):
                empty.append(f"variable {variable['name']}: {selector}")
    restarts, firing = dashboard["annotations"]["list"]
    prometheus.range(fill(restarts["expr"], dashboard), now - 60, now, 2)
    if not prometheus.range(fill(firing["expr"], dashboard), now - 60, now, 2):
        empty.append("annotation of firing alerts")
    assert empty == []


def test_a_panel_of_nothing_would_be_noticed(world):
    prometheus, _ = world
    assert prometheus.instant("timewait_no_such_family") == []
    with pytest.raises(ValueError, match="parse error"):
        prometheus.instant("sum(")


def used():
    """Every name that a dashboard, a rule or an alert reads."""
    names = set()
    for dashboard in dashboards.load().values():
        for _, expression in dashboards.queries(dashboard):
            names |= set(promql.metrics(promql.parse(fill(expression, dashboard))))
    for rule in dashboards.alerts() + dashboards.records():
        names |= set(promql.metrics(promql.parse(rule["expr"])))
    return names


def test_every_metric_that_is_used_is_there_and_every_one_that_is_there_is_used(world):
    prometheus, _ = world
    families = set(re.findall(r"^### `((?:timewait|process)_\w+)`$", METRICS.read_text(), re.MULTILINE))
    recorded = {rule["record"] for rule in dashboards.records()}
    assert used() - families - recorded == {"up", "ALERTS"}
    assert families - used() == set(UNUSED)
    # Recorded for others than the dashboards: by port and job, over all hosts.
    assert {name for name in recorded - used() if not name.startswith("job_port:")} == set()
    series = {labels["__name__"] for labels, _ in prometheus.instant('{job="timewait"}')}
    assert recorded <= series
    # This kernel counts entries, not expiries; few have tcp_tw_timeout; and this exporter has no
    # TLS.
    absent = {"timewait_expiries_total", "timewait_exporter_tls_handshake_errors_total"} | (WHO if UNTRACED else set())
    if not pathlib.Path("/proc/sys/net/ipv4/tcp_tw_timeout").exists():
        absent.add("timewait_sysctl_tcp_tw_timeout_seconds")
    assert families - series == absent


def test_every_example_of_the_documents_can_be_evaluated_and_names_families_that_exist(world):
    prometheus, _ = world
    families = set(re.findall(r"^### `((?:timewait|process)_\w+)`$", METRICS.read_text(), re.MULTILINE))
    for document in (METRICS, dashboards.ROOT / "README.md"):
        blocks = re.findall(r"^```promql\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL)
        examples = [example for block in blocks for example in block.strip().split("\n\n")]
        assert examples, document
        for example in examples:
            expression = re.sub(r"^#.*\n", "", example, flags=re.MULTILINE)
            prometheus.instant(expression)
            assert set(promql.metrics(promql.parse(expression))) <= families, expression


def test_every_rule_can_be_evaluated(world):
    prometheus, _ = world
    rules = prometheus.rules()
    assert len(rules) == len(dashboards.alerts()) + len(dashboards.records())
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []


def test_the_alerts_are_resolved_when_the_trouble_is_over(world):
    _, stop = world
    stop("other")  # The other end closes first, so that no TIME_WAIT stays on the port.
    stop("squatter")
    stop("lost")
    for name in EXPECTED:
        poll(f"{name} is resolved", lambda: told(name, "resolved"), 120)
