"""The host of the incident, in namespaces that demo.py made: its services, the exporter, Prometheus
and Alertmanager, and a second host behind a link."""

import contextlib
import errno
import http.client
import http.server
import json
import pathlib
import socket
import subprocess
import sys
import threading
import time

import demo_rules
from exporter import BINARY
from host import Host, Page
from prometheus import poll

HERE = pathlib.Path(__file__).resolve().parent
NAMES = ["gateway", "accounts", "catalog", "cart", "pricing", "search", "media", "mailer", "billing", "flags", "sessions"]
NAMES += ["uploads", "invoices", "reviews", "stock", "orders", "reports"]
# Three services have ports of the ephemeral range.
PAYMENTS, LEDGER, QUOTES = 50051, 50053, 50061
IN_RANGE = [PAYMENTS, LEDGER, QUOTES]
SERVICES = {name: 8080 + number for number, name in enumerate(NAMES)}
SERVICES |= {"payments": PAYMENTS, "ledger": LEDGER, "quotes": QUOTES}
# As the exporter and diagnose are given them.
SERVICE_PORTS = f"8080-{8080 + len(NAMES) - 1},{','.join(map(str, IN_RANGE))}"
DIAGNOSE = ["diagnose", f"--services.ports={SERVICE_PORTS}"]
EXPORTER, PROMETHEUS, ALERTMANAGER, HOOK, PROBER = 10057, 19090, 19093, 19094, 10058
HERE_ADDRESS, REMOTE_ADDRESS, REMOTE_PORT = "10.0.0.5", "10.0.0.9", 443

PROMETHEUS_CONFIG = """
global: {{ scrape_interval: 1s, evaluation_interval: 1s }}
rule_files: [{rules}]
alerting: {{ alertmanagers: [{{ static_configs: [{{ targets: ["127.0.0.1:{alertmanager}"] }}] }}] }}
scrape_configs:
  - job_name: timewait
    static_configs: [{{ targets: ["127.0.0.1:{exporter}"], labels: {{ instance: web-1, cluster: demo }} }}]
"""
ALERTMANAGER_CONFIG = """
route: {{ receiver: hook, group_by: ["..."], group_wait: 0s, group_interval: 1s, repeat_interval: 1h }}
receivers: [{{ name: hook, webhook_configs: [{{ url: "http://127.0.0.1:{hook}/", send_resolved: true }}] }}]
"""


class Hook(http.server.BaseHTTPRequestHandler):
    """Where Alertmanager reports to. Its connection is kept, so that it leaves no TIME_WAIT."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        now = time.time()
        self.server.reports.extend((now, alert) for alert in body["alerts"])
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Kept:
    """Asks a server over one connection that is kept."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def get(self, path):
        for attempt in range(2):
            try:
                self.connection.request("GET", path)
                answer = self.connection.getresponse()
                return answer.status, answer.read().decode()
            except (OSError, http.client.HTTPException):
                self.connection.close()
                if attempt:
                    raise
        return None


def sysctl(name, value=None):
    file = pathlib.Path("/proc/sys/net/ipv4", name)
    if value is not None:
        file.write_text(value)
    return file.read_text().strip()


def ss(*words):
    """The lines of ss: a witness beside the exporter."""
    return subprocess.run(["ss", "-Htan", *words], capture_output=True, text=True, check=True).stdout.splitlines()


def can_bind(port, reuse):
    """Whether bind() of a service would succeed now: tried."""
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(reuse))
        try:
            attempt.bind(("0.0.0.0", port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
        return True


class Stage:
    def __init__(self, scratch):
        self.scratch = pathlib.Path(scratch)
        self.programs = {}
        self.hook = http.server.ThreadingHTTPServer(("127.0.0.1", HOOK), Hook)
        self.hook.reports = []
        threading.Thread(target=self.hook.serve_forever, daemon=True).start()
        self.servers = {port: Kept(port) for port in (EXPORTER, PROMETHEUS, ALERTMANAGER, PROBER)}

    # What runs.

    def start(self, name, *command, wrapper=()):
        """Starts a program under a name; its output goes to a file."""
        log = open(self.scratch / f"{name}.log", "w")
        self.programs[name] = subprocess.Popen(
            [str(word) for word in [*wrapper, *command]], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        return self.programs[name]

    def log(self, name):
        return (self.scratch / f"{name}.log").read_text()

    def talk(self, name, script, *words, wrapper=()):
        """Starts one of our scripts, which answers line by line."""
        command = [*wrapper, sys.executable, "-I", "-S", HERE / script, *words]
        self.programs[name] = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self.programs[name]

    def ask(self, name, line):
        """A command to a script that reads them, and its answer."""
        program = self.programs[name]
        program.stdin.write(line + "\n")
        program.stdin.flush()
        return json.loads(program.stdout.readline())

    def stop(self, name):
        program = self.programs.pop(name)
        program.terminate()
        program.wait(20)
        for end in (program.stdin, program.stdout):
            if end:
                end.close()

    def start_service(self, name, *options):
        """Starts a service, and gives what it says: "listening", or why not."""
        program = self.talk(name, "service.py", name, SERVICES[name], *options)
        said = program.stdout.readline().strip()
        if said != "listening":
            self.stop(name)
        return said

    def start_all(self):
        for name in SERVICES:
            assert self.start_service(name) == "listening", name
        self.start_remote()
        flags = [f"--web.listen-address=127.0.0.1:{EXPORTER}", f"--services.ports={SERVICE_PORTS}"]
        self.start("exporter", BINARY, "--sampler.interval=1s", "--sampler.cpu-limit=100", *flags)
        rules, config = self.scratch / "demo-alerts.yml", self.scratch / "prometheus.yml"
        rules.write_text(demo_rules.text())
        config.write_text(PROMETHEUS_CONFIG.format(rules=rules, alertmanager=ALERTMANAGER, exporter=EXPORTER))
        (self.scratch / "alertmanager.yml").write_text(ALERTMANAGER_CONFIG.format(hook=HOOK))
        self.start(
            "alertmanager",
            "prometheus-alertmanager",
            f"--config.file={self.scratch}/alertmanager.yml",
            f"--storage.path={self.scratch}/alertmanager",
            f"--web.listen-address=127.0.0.1:{ALERTMANAGER}",
            "--cluster.listen-address=",
            "--log.level=warn",
        )
        self.start(
            "prometheus",
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={self.scratch}/prometheus",
            f"--web.listen-address=127.0.0.1:{PROMETHEUS}",
            "--log.level=warn",
        )
        for name, port in [("exporter", EXPORTER), ("alertmanager", ALERTMANAGER), ("prometheus", PROMETHEUS)]:
            poll(f"{name} is ready", lambda name=name, port=port: self.is_ready(name, port), 60)

    def is_ready(self, name, port):
        assert self.programs[name].poll() is None, f"{name} has ended:\n{self.log(name)}"
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.servers[port].get("/-/ready")[0] == 200

    def start_remote(self):
        """A second host, with a service that a backup sends to."""
        self.remote = Host({})
        inside = f"--target={self.remote.process.pid}"
        for words in [
            f"link add eth0 type veth peer name eth0 netns {self.remote.process.pid}",
            f"address add {HERE_ADDRESS}/24 dev eth0",
            "link set eth0 up",
        ]:
            subprocess.run(["ip", *words.split()], check=True)
        self.remote.ip(f"address add {REMOTE_ADDRESS}/24 dev eth0")
        self.remote.ip("link set eth0 up")
        store = self.talk("store", "service.py", "store", REMOTE_PORT, wrapper=["nsenter", inside, "--net"])
        assert store.stdout.readline().strip() == "listening"

    # What is seen.

    def page(self):
        """The exporter's page."""
        status, text = self.servers[EXPORTER].get("/metrics")
        assert status == 200, text
        return Page(text)

    def fresh_page(self):
        """A page whose reading of the socket table began after now."""
        start, first = time.time(), None

        def is_fresh():
            nonlocal first
            page = self.page()
            read = read_at(page)
            if read <= start:
                return None
            first = first or read
            # The reading that ends after now may have begun before it; the one after that has not.
            return page if read > first else None

        return poll("the socket table is read twice", is_fresh, 60)

    def diagnose(self):
        """What `diagnose` prints."""
        command = [BINARY, *DIAGNOSE]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL).stdout

    def reports(self, name, status, after=0, **labels):
        """When Alertmanager reported an alert, firing or resolved."""
        return [
            at
            for at, alert in list(self.hook.reports)
            if at > after
            and (alert["labels"]["alertname"], alert["status"]) == (name, status)
            and labels.items() <= alert["labels"].items()
        ]


def read_at(page):
    """When the socket table of a page was read."""
    return page.get("timewait_sampler_last_success_timestamp_seconds", collector="socket_table") or 0


def counts(page):
    """TIME_WAIT and LISTEN sockets of a page."""
    return tuple(int(page.sum("timewait_table_sockets", state=state)) for state in ("time_wait", "listen"))


def bindable(page, port, binder):
    """What the exporter says of bind(); None while the service listens."""
    return page.get("timewait_service_port_bindable", port=port, binder=binder)


def finding(text, heading):
    """The finding of a diagnosis whose first line contains the words."""
    found = []
    for line in text.splitlines():
        if line[:1].isalpha() and found:
            break
        if found or (line[:1].isalpha() and heading in line):
            found.append(line)
    return "\n".join(found).rstrip()
