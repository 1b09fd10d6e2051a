"""Exporters that run in a world, and their pages."""

import contextlib
import http.client
import math
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("EXPORTER", ROOT / ".build" / "debug" / "timewait_exporter")).resolve()

SAMPLE = re.compile(r'(?P<name>[a-z0-9_]+)(?:\{(?P<labels>(?:[a-z_]+="[^"\\]*",?)*)\})? (?P<value>\S+)')
LABEL = re.compile(r'([a-z_]+)="([^"]*)"')
# Collectors that are read with every table. The addresses of a world do not change while its
# exporters run.
PROMPT = ["socket_table", "ephemeral_range", "udp", "sysctl", "sockstat", "netstat"]


class BadPage(Exception):
    """A page that no exporter may serve."""


def labels(**parts):
    return tuple(sorted((name, str(value)) for name, value in parts.items()))


class Page:
    """families: name to its samples, labels to value."""

    def __init__(self, text):
        self.families = {}
        described = {}
        for line in text.splitlines():
            if line.startswith("# "):
                _, kind, name, rest = line.split(" ", 3)
                if (kind, name) in described or not rest:
                    raise BadPage(f"twice, or empty: {line}")
                described[kind, name] = rest
                continue
            match = SAMPLE.fullmatch(line)
            if not match:
                raise BadPage(f"cannot be parsed: {line!r}")
            name, value = match["name"], float(match["value"])
            if ("TYPE", name) not in described or ("HELP", name) not in described:
                raise BadPage(f"has no TYPE or no HELP: {line}")
            # 5e-324 is how an integer looks whose bits were taken for a Double's.
            if math.isnan(value) or value < 0 or 0 < value < 1e-200:
                raise BadPage(f"cannot be: {line}")
            key = tuple(sorted(LABEL.findall(match["labels"] or "")))
            family = self.families.setdefault(name, {})
            if key in family:
                raise BadPage(f"comes twice: {line}")
            family[key] = value

    def family(self, name):
        return self.families.get(name, {})

    def value(self, name, **parts):
        return self.family(name).get(labels(**parts))

    def read_since(self, moment, collectors):
        """Whether all these collectors have begun a reading after this moment, and succeeded."""
        for collector in collectors:
            end = self.value("timewait_sampler_last_success_timestamp_seconds", collector=collector)
            duration = self.value("timewait_sampler_duration_seconds", collector=collector)
            if end is None or duration is None or end - duration <= moment:
                return False
        return True


class Exporter:
    """One that runs in the namespace that this process was in when it started it."""

    def __init__(self, folder, source, port, from_port, flags):
        self.source = source
        self.log = pathlib.Path(folder) / f"{source}.log"
        self.flags = [*flags, f"--sampler.source={source}", "--sampler.interval=1s", "--sampler.cpu-limit=100"]
        self.port, self.from_port = port, from_port
        self.client = None
        self.page = None
        with open(self.log, "w") as log:
            command = [BINARY, *self.flags, f"--web.listen-address=127.0.0.1:{port}"]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log)

    def connect(self):
        """Opens the connection over which all pages are read: the table must be still between
        them."""
        end = time.monotonic() + 30
        while "msg=Serving" not in self.log.read_text():
            if self.process.poll() is not None or time.monotonic() > end:
                raise BadPage(f"does not serve: {self.log.read_text()}")
            time.sleep(0.01)
        self.client = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=10, source_address=("127.0.0.1", self.from_port)
        )
        self.client.connect()
        # A connection without a request is closed after ten seconds, one that was served once
        # stays.
        self.get()
        return self.client.sock.getsockname(), self.client.sock.getpeername()

    def get(self):
        self.client.request("GET", "/metrics")
        answer = self.client.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            raise BadPage(f"status {answer.status}: {text}")
        self.page = Page(text)
        return self.page

    def page_since(self, moment, bound_since, seconds):
        """A page whose readings all began after a moment; sockets that are only bound are read less
        often, and so have a moment of their own."""
        end = time.monotonic() + seconds
        while True:
            page = self.get()
            is_current = page.read_since(moment, PROMPT)
            if is_current and self.source == "sock_diag":
                is_current = page.read_since(bound_since, ["bound_sockets"])
            if is_current:
                return page
            if time.monotonic() > end:
                raise BadPage(f"no page within {seconds} s whose readings are current\n{self.log.read_text()}")
            time.sleep(0.03)

    def stop(self):
        if self.client and self.client.sock:
            with contextlib.suppress(OSError):
                self.client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.client.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise BadPage(f"does not stop\n{self.log.read_text()}") from None
        if status != 0:
            raise BadPage(f"ends with {status}\n{self.log.read_text()}")
