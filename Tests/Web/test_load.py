"""wrk with 64 connections: no error, and no more memory at the end than after the first seconds."""

import os
import re
import subprocess
import time

import pytest

import passwords
from certificates import tls_section
from exporter import Exporter, mebibytes, poll
from page import ACCEPT_OPENMETRICS

SECONDS = int(os.environ.get("WEB_LOAD_SECONDS") or (60 if os.environ.get("CI") == "true" else 6))


def wrk(exporter, url, seconds, *headers, connections=64):
    """Runs it: (requests that were answered, what it says). Its connections are gone afterwards:
    those of the next run would be too many beside them."""
    files = exporter.open_files()
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "5s"]
    for name, value in headers:
        command += ["-H", f"{name}: {value}"]
    told = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    poll("its connections are gone", lambda: exporter.open_files() <= files + 2)
    return int(re.search(r"(\d+) requests in", told)[1]), told


def flat_under(exporter, url, seconds, *headers):
    """Has it serve for a while, and looks at its memory after a fifth of the time and at the
    end."""
    wrk(exporter, url, max(1, seconds // 5), *headers)
    files, memory = exporter.open_files(), exporter.memory()
    count, told = wrk(exporter, url, seconds, *headers)
    # 64 connections end, and are counted out within the next moments.
    time.sleep(0.5)
    assert "Non-2xx" not in told, told
    assert "Socket errors" not in told, told
    assert count > 100 * seconds
    assert exporter.memory() < memory + mebibytes(2), "it has grown"
    assert exporter.open_files() <= files
    assert exporter.get("/-/healthy").status in (200, 401)
    return count


def test_what_Prometheus_asks_for_is_answered_each_time_and_memory_stays(tmp_path):
    with Exporter.started(tmp_path) as exporter:
        headers = ("Accept", ACCEPT_OPENMETRICS), ("Accept-Encoding", "gzip")
        count = flat_under(exporter, exporter.url(), SECONDS, *headers)
        time.sleep(1.2)
        assert exporter.metric('timewait_exporter_http_requests_total{code="200"}') >= count


@pytest.mark.parametrize(
    ("path", "accept", "coding"),
    [
        ("/metrics", "*/*", "identity"),
        ("/metrics", "*/*", "gzip"),
        ("/metrics", ACCEPT_OPENMETRICS, "identity"),
        ("/metrics?exclude[]=process&exclude[]=udp", ACCEPT_OPENMETRICS, "gzip"),
        ("/", "*/*", "identity"),
    ],
)
def test_so_is_everything_else(plain, path, accept, coding):
    flat_under(plain, plain.url(path), 2, ("Accept", accept), ("Accept-Encoding", coding))


def test_with_a_password_it_is_the_same(tmp_path, config):
    with Exporter.started(tmp_path, config=config(passwords.section("alice"))) as exporter:
        header = next(iter(passwords.right("alice").items()))
        # Once for all: 64 at the same time would not find a place in the queue for bcrypt.
        assert exporter.get(headers=dict([header])).status == 200
        flat_under(exporter, exporter.url(), 2, header)


def test_over_TLS_it_is_the_same(tmp_path, config, server):
    with Exporter.started(tmp_path, config=config(tls_section(server))) as exporter:
        url = exporter.url(scheme="https")
        # As many may wait for their handshakes at once.
        wrk(exporter, url, 1, connections=32)
        files, memory = exporter.open_files(), exporter.memory()
        _, told = wrk(exporter, url, 2, connections=32)
        assert "Non-2xx" not in told, told
        assert "Socket errors" not in told, told
        time.sleep(0.5)
        assert exporter.memory() < memory + mebibytes(4), "it has grown"
        assert exporter.open_files() <= files
