"""Ten thousand requests that nobody should send: the exporter lives on, as small as before, and
answers none behind them."""

import collections
import concurrent.futures
import contextlib
import select
import socket
import ssl

import pytest

from certificates import client_context, tls_section
from client import Client, parse, request
from exporter import Exporter, mebibytes, poll
from malformed import HIDDEN_ANSWER, Malformed
from page import Page

SEED = 2026


def talk(exporter, data, source, tls=None):
    """What the server says until it ends the connection, after it was sent something and nothing
    more comes."""
    said = b""
    with Client(exporter.address, source=source, timeout=15, tls=tls) as client:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            client.send(data)
        # It is given the time to read this before it hears that nothing more comes.
        select.select([client.socket], [], [], 0.05)
        with contextlib.suppress(OSError):
            # Of the connection below TLS: a server may take this for a cut.
            socket.socket.shutdown(client.socket, socket.SHUT_WR)
        with contextlib.suppress(ssl.SSLError):
            while more := client.receive():
                said += more
    return said


def answers(said):
    """All answers, up to one that is the last by its own word."""
    found = []
    while said and not (found and found[-1].closes):
        answer, said = parse(said)
        found.append(answer)
    return found


def wrong(said, verdict):
    """What is wrong with the answers; None where nothing is."""
    try:
        found = [answer.status for answer in answers(said)]
    except (AssertionError, ValueError, TypeError):
        return f"no answer of HTTP: {said[:100]}"
    if verdict in ("malformed", "smuggled") and 200 in found:
        return "200 for a malformed request"
    # Some kinds come behind a request for something that is not there.
    if verdict in ("smuggled", "last") and (HIDDEN_ANSWER in said or len([status for status in found if status != 404]) > 1):
        return "the second request was answered"
    return None


def send_all(exporter, requests):
    """Sends them from eight clients at once: {(name, what is wrong): [the requests]}."""
    faults = collections.defaultdict(list)

    def one(numbered):
        number, (name, data, verdict) = numbered
        try:
            fault = wrong(talk(exporter, data, f"127.0.{number % 200 + 1}.1"), verdict)
        except TimeoutError:
            fault = "neither answered nor closed"
        if fault:
            faults[name, fault].append(data)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(one, enumerate(requests)))
    return faults


def shown(faults):
    """A line for each kind, with its shortest request."""
    return [
        f"{name}: {fault} ({len(found)} times), as {min(found, key=len)[:300]!r}" for (name, fault), found in faults.items()
    ]


def lives_as_before(exporter, files, memory, **options):
    answer = exporter.get(**options)
    assert answer.status == 200
    assert "timewait_sockets" in Page.of(answer).names
    poll("as many open files as before", lambda: exporter.open_files() <= files)
    assert exporter.memory() < memory + mebibytes(2)
    assert exporter.lines("level=ERROR") == []


def test_eight_thousand_malformed_requests(tmp_path):
    with Exporter.started(tmp_path) as exporter:
        requests = list(Malformed(SEED).requests(8_000))
        faults = send_all(exporter, requests[:1_000])
        files, memory = exporter.open_files(), exporter.memory()
        for key, found in send_all(exporter, requests[1_000:]).items():
            faults[key] += found
        assert not faults, "\n".join(shown(faults))
        lives_as_before(exporter, files, memory)


def test_two_good_requests_at_once_have_two_answers(tmp_path):
    """Else none of the above would show anything."""
    with Exporter.started(tmp_path) as exporter:
        said = talk(exporter, request() + request("/-/healthy"), "127.0.0.1")
        assert [answer.status for answer in answers(said)] == [200, 200]
        assert HIDDEN_ANSWER in said


# TLS.


def hello():
    """What a client says first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        session.do_handshake()
    return outgoing.read()


def handshakes(random, count):
    """Beginnings of TLS that are no good: (name, bytes)."""
    for number in range(count):
        data = hello()
        kind = number % 8
        if kind == 0:
            yield "cut", data[: random.randrange(len(data))]
        elif kind == 1:
            spoilt = bytearray(data)
            for _ in range(random.randint(1, 8)):
                spoilt[random.randrange(len(spoilt))] = random.randrange(256)
            yield "mutated", bytes(spoilt)
        elif kind == 2:
            yield "length", data[:3] + random.randbytes(2) + data[5:]
        elif kind == 3:
            yield "twice", data * 2
        elif kind == 4:
            yield (
                "plain text",
                random.choice([request(), b"GET / HTTP/1.0\r\n\r\n", b"\r\n\r\n", request("/" + "x" * 20_000)]),
            )
        elif kind == 5:
            yield (
                "other records",
                b"".join(
                    bytes([random.choice([20, 21, 22, 23, 24, 0, 255]), 3, 3, 0, 40]) + random.randbytes(40)
                    for _ in range(20)
                ),
            )
        elif kind == 6:
            yield "garbage", random.randbytes(random.randint(1, 5_000))
        else:
            yield "SSLv2", b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + random.randbytes(37)


@pytest.fixture
def secure(tmp_path, config, server):
    with Exporter.started(tmp_path, config=config(tls_section(server))) as exporter:
        yield exporter


def test_fifteen_hundred_broken_handshakes(secure, authority):
    good = {"tls": client_context(authority)}
    assert secure.get(**good).status == 200

    def one(numbered):
        number, (name, data) = numbered
        said = talk(secure, data, f"127.0.{number % 200 + 1}.1")
        assert b"HTTP/" not in said, name
        assert b"timewait" not in said, name

    begun = list(enumerate(handshakes(Malformed(SEED).random, 1_500)))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(one, begun[:300]))
        files, memory = secure.open_files(), secure.memory()
        list(pool.map(one, begun[300:]))
    lives_as_before(secure, files, memory, **good)


def test_five_hundred_malformed_requests_inside_TLS(secure, authority):
    good = {"tls": client_context(authority)}
    faults = collections.defaultdict(list)

    def one(numbered):
        number, (name, data, verdict) = numbered
        if fault := wrong(talk(secure, data, f"127.0.{number % 200 + 1}.1", **good), verdict):
            faults[name, fault].append(data)

    requests = list(enumerate(Malformed(SEED + 1).requests(500)))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(one, requests[:100]))
        files, memory = secure.open_files(), secure.memory()
        list(pool.map(one, requests[100:]))
    assert not faults, "\n".join(shown(faults))
    lives_as_before(secure, files, memory, **good)
