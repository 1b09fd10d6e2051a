"""Strangers that only begin TLS handshakes, with a key that makes each one dear."""

import collections
import contextlib
import socket
import ssl
import statistics
import subprocess
import threading
import time

from certificates import tls_section
from exporter import Exporter


def client_hello():
    outgoing = ssl.MemoryBIO()
    session = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        session.do_handshake()
    return outgoing.read()


@contextlib.contextmanager
def flood(port, a_second):
    """As long as this lasts, strangers at four addresses begin so many handshakes a second, and
    none goes on with one."""
    hello, stops = client_hello(), threading.Event()

    def run():
        kept = collections.deque()
        number = 0
        while not stops.wait(1 / a_second):
            number += 1
            with contextlib.suppress(OSError):
                source = (f"127.0.1.{number % 4 + 1}", 0)
                kept.append(socket.create_connection(("127.0.0.1", port), 1, source))
                kept[-1].send(hello)
            if len(kept) > 300:
                kept.popleft().close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stops.set()
        thread.join()


def test_strangers_do_not_stop_scrapes_with_a_large_rsa_key(tmp_path, config, authority):
    identity = authority.issue("localhost", "DNS:localhost", "IP:127.0.0.1", key="rsa4096")
    with Exporter.started(tmp_path, config=config(tls_section(identity))) as exporter:
        command = ["curl", "-sS", "--fail", "--max-time", "20", "--cacert", str(authority.certificate)]
        command += ["-o", "/dev/null", "-w", "%{time_total}", exporter.url(scheme="https")]
        with flood(exporter.port, 100):
            time.sleep(3)
            times = [float(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(9)]
        assert statistics.median(times) < 1, times
