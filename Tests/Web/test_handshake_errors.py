"""TLS handshakes that fail are counted by reason and logged."""

import contextlib
import re
import socket
import ssl
import struct
import time
import warnings

import pytest

import certificates
from certificates import client_context, tls_section
from client import Client, request
from exporter import Exporter, poll

REASONS = ("no_client_hello", "nothing_in_common", "client_left", "client_certificate", "timeout")
LINE = "A TLS handshake failed"


class Counter:
    """Counts on an exporter with TLS; good: a context with which it is asked."""

    def __init__(self, exporter, good):
        self.exporter, self.good = exporter, good

    def __call__(self):
        with contextlib.suppress(TypeError):
            text = self.exporter.get(tls=self.good).text
            return {
                reason: int(
                    re.search(rf'^timewait_exporter_tls_handshake_errors_total{{reason="{reason}"}} (\d+)$', text, re.M)[1]
                )
                for reason in REASONS
            }

    def is_counted(self, **wanted):
        expected = {reason: wanted.get(reason, 0) for reason in REASONS}
        poll(f"{expected}, not {self()}", lambda: self() == expected, 5)
        # Nothing is counted later, either.
        time.sleep(1.5)
        assert self() == expected


@pytest.fixture
def exporter(tmp_path, config, server):
    with Exporter.started(tmp_path, config=config(tls_section(server))) as exporter:
        yield exporter


@pytest.fixture
def counter(exporter, authority):
    return Counter(exporter, client_context(authority))


def said_to(exporter, data, **options):
    """What the server says to this until it ends the connection."""
    said = b""
    with exporter.client(timeout=15, **options) as client:
        client.send(data)
        while more := client.receive():
            said += more
    return said


def the_line(exporter, reason, client="127.0.0.1"):
    """The one line of the log; its client is told, its reason and its detail."""
    poll("a line", lambda: exporter.lines(LINE))
    (line,) = exporter.lines(LINE)
    assert "level=INFO" in line
    assert f"client={client}" in line
    assert f"reason={reason}" in line
    assert re.search(r'detail="[^"]+"', line)
    return line


def test_all_reasons_are_there_from_the_start(counter):
    poll("the counts", lambda: counter() == dict.fromkeys(REASONS, 0))


def test_without_TLS_there_is_nothing_to_count(plain):
    text = plain.get().text
    assert not re.search(r"^timewait_exporter_tls_handshake_errors_total\S* [1-9]", text, re.M)


@pytest.mark.parametrize("how", ["closed", "half closed", "reset"])
def test_a_port_scan_is_no_failure(exporter, counter, how):
    """It connects, and closes."""
    for _ in range(20):
        with exporter.client(source="127.0.0.8") as client:
            if how == "half closed":
                client.socket.shutdown(socket.SHUT_WR)
                assert client.receive() == b""
            elif how == "reset":
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    counter.is_counted()
    assert exporter.lines(LINE) == []


def test_plain_HTTP_is_counted_and_logged_once(exporter, counter):
    assert b"HTTP" not in said_to(exporter, request(), source="127.0.0.8")
    counter.is_counted(no_client_hello=1)
    the_line(exporter, "no_client_hello", "127.0.0.8")


def test_a_client_without_a_version_in_common_is_counted(exporter, counter):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        # Python knows that it is old.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        exporter.get(tls=context)
    counter.is_counted(nothing_in_common=1)
    the_line(exporter, "nothing_in_common")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_that_does_not_trust_the_certificate_is_counted(exporter, counter, tmp_path, version):
    stranger = client_context(certificates.Authority(tmp_path, "Other CA"), version=version)
    with pytest.raises(ssl.SSLError):
        exporter.get(tls=stranger)
    counter.is_counted(client_left=1)
    the_line(exporter, "client_left")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("kind", ["none", "of another authority", "with another name"])
def test_a_client_whose_certificate_is_refused_is_counted(config, tmp_path, authority, server, version, kind):
    keys = {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": authority.certificate}
    text = tls_section(server, **keys, client_allowed_sans=["client.example.org"])
    bad = {
        "none": lambda: None,
        "of another authority": lambda: certificates.Authority(tmp_path, "Other CA").issue("client"),
        "with another name": lambda: authority.issue("client", "DNS:other.example.org"),
    }[kind]()
    with Exporter.started(tmp_path, config=config(text)) as exporter:
        good = client_context(authority, authority.issue("client", "DNS:client.example.org"))
        with pytest.raises((ssl.SSLError, ConnectionError, Exception)):
            exporter.get(tls=client_context(authority, bad, version))
        Counter(exporter, good).is_counted(client_certificate=1)
        the_line(exporter, "client_certificate")


def test_a_handshake_that_is_not_done_in_time_is_counted(exporter, counter):
    with exporter.client(source="127.0.0.8") as silent, exporter.client(source="127.0.0.8") as begun:
        begun.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(20))
        for client in (silent, begun):
            # What is said before the end is an alert of TLS, if anything.
            client.socket.settimeout(13)
            while client.receive():
                pass
    counter.is_counted(timeout=2)
    assert len(exporter.lines(LINE, "reason=timeout")) == 2


def test_many_failures_are_counted_and_few_are_logged(exporter, counter):
    for number in range(100):
        said_to(exporter, request(), source=f"127.0.0.{number + 2}")
    counter.is_counted(no_client_hello=100)
    # Five at once, and one more each ten seconds.
    assert 5 <= len(exporter.lines(LINE)) <= 7


def test_a_good_handshake_is_no_failure_however_its_connection_ends(exporter, counter, authority):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for _ in range(10):
            with Client(exporter.address, tls=client_context(authority, version=version)) as client:
                assert client.ask("/-/healthy").status == 200
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    counter.is_counted()
    assert exporter.lines(LINE) == []
