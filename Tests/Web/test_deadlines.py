"""Slow clients: a request has ten seconds to be complete, an answer a minute to be taken. All of
them are slow at once."""

import contextlib
import dataclasses
import os
import socket
import threading
import time

import pytest

from certificates import client_context, tls_section
from client import Client, parse, request
from exporter import Exporter, libmicrohttpd
from manager import listener
from sockets import narrow_pipes, served

pytestmark = pytest.mark.waits


@dataclasses.dataclass
class Slow:
    """What a slow client does, and what became of it."""

    pieces: list  # What it sends, one piece each second.
    first: bytes = b""  # What it sends at once before.
    status: int = 200  # How that is answered.
    after: float = 0  # After how many seconds of silence.
    ended: float = None  # Seconds until the server ended the connection.
    said: bytes = b""

    def run(self, exporter, patience):
        with Client(exporter.address, timeout=patience) as client:
            if self.first:
                client.send(self.first)
                assert client.answer().status == self.status
                time.sleep(self.after)
            begin = time.monotonic()
            pieces = iter(self.pieces)
            while time.monotonic() - begin < patience:
                try:
                    if piece := next(pieces, None):
                        client.send(piece)
                    client.socket.settimeout(1)
                    more = client.socket.recv(4096)
                except TimeoutError:
                    continue
                except ConnectionError:
                    more = b""
                self.said += more
                if not more:
                    self.ended = time.monotonic() - begin
                    return


def bytewise(data):
    return [bytes([byte]) for byte in data]


BODY = request(method="POST", headers={"Content-Length": 1000})
CHUNKED = request(method="POST", headers={"Transfer-Encoding": "chunked"})
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200)

PLAIN = {
    "says nothing": Slow([]),
    "sends its first line byte by byte": Slow(bytewise(b"GET /metrics?" + b"x" * 100)),
    "sends its headers byte by byte": Slow([request()[:-2], *bytewise(b"X: " + b"y" * 100)]),
    "sends header after header": Slow([request()[:-2], *[b"X: y\r\n"] * 100]),
    "sends its body byte by byte": Slow([BODY, *bytewise(b"x" * 100)]),
    "sends its chunks byte by byte": Slow([CHUNKED, *[b"1\r\nx\r\n"] * 100]),
    "sends a chunk's length byte by byte": Slow([CHUNKED, *bytewise(b"0" * 100)]),
    "sends empty lines": Slow([b"\r\n"] * 100),
    "sends its second request byte by byte": Slow(bytewise(request() * 3), first=request()),
    "sends its second request byte by byte after a while": Slow(bytewise(request() * 3), first=request(), after=6),
    "asks for nothing after a refusal": Slow([], first=request("/nothing"), status=404),
    "asks for nothing after a method that is not allowed": Slow([], first=request(method="DELETE"), status=405),
}
SECURE = {
    "says nothing to TLS": Slow([]),
    "sends its handshake byte by byte": Slow(bytewise(HELLO)),
    "sends half of a handshake": Slow([HELLO[:60]]),
}


@pytest.fixture(scope="module")
def clients(tmp_path_factory, server):
    """Runs all of them to their end, at the same time."""
    folder = tmp_path_factory.mktemp("slow")
    (folder / "web.yml").write_text(tls_section(server))
    with Exporter.started(folder) as plain, Exporter.started(folder, config=folder / "web.yml") as secure:
        threads = []
        for exporter, kinds in ((plain, PLAIN), (secure, SECURE)):
            threads += [threading.Thread(target=one.run, args=(exporter, 20)) for one in kinds.values()]
        kept = Slow([], first=request())
        threads.append(threading.Thread(target=kept.run, args=(plain, 15)))
        for thread in threads:
            thread.start()
        # Meanwhile others are served.
        for _ in range(20):
            begin = time.monotonic()
            assert plain.get().status == 200
            assert time.monotonic() - begin < 1
            time.sleep(0.2)
        for thread in threads:
            thread.join()
        yield {**PLAIN, **SECURE, "is kept": kept}


@pytest.mark.parametrize("name", [*PLAIN, *SECURE])
def test_a_slow_request_is_closed_after_ten_seconds(clients, name):
    client = clients[name]
    assert client.ended is not None, "it lives on"
    if name == "sends empty lines" and libmicrohttpd() >= (1, 0):
        # It closes at the second of them.
        assert client.ended < 9
    else:
        assert 9 < client.ended < 13
    assert b"200 OK" not in client.said
    assert b"timewait" not in client.said


def test_who_has_been_served_and_asks_for_nothing_is_kept(clients):
    assert clients["is kept"].ended is None


class Reader(threading.Thread):
    """Takes so many bytes of an answer each second, as they come from the network, until the server
    ends its end."""

    def __init__(self, exporter, rate, patience, tls=None):
        super().__init__(daemon=True)
        self.exporter, self.rate, self.patience = exporter, rate, patience
        self.client = exporter.client(receive_buffer=2304, tls=tls)
        self.ended = None
        self.taken = b""

    def run(self):
        # TLS itself would read whole records.
        raw = socket.socket(fileno=os.dup(self.client.socket.fileno()))
        raw.setblocking(False)
        self.client.send(request())
        begin = time.monotonic()
        while self.ended is None and time.monotonic() - begin < self.patience:
            with contextlib.suppress(BlockingIOError, ConnectionError):
                self.taken += raw.recv(self.rate) if self.rate else b""
            time.sleep(1)
            if not served(self.exporter, self.client):
                self.ended = time.monotonic() - begin
        raw.close()
        self.client.close()


@pytest.fixture(scope="module")
def readers(tmp_path_factory, authority, server):
    """Their answers are large: the page tells of seventy ports."""
    folder = tmp_path_factory.mktemp("readers")
    (folder / "web.yml").write_text(tls_section(server))
    listeners = [listener() for _ in range(70)]
    with narrow_pipes(), Exporter.started(folder) as plain, Exporter.started(folder, config=folder / "web.yml") as secure:
        running = {
            "nothing": Reader(plain, 0, 20),
            "nothing over TLS": Reader(secure, 0, 20, client_context(authority)),
            "700 bytes": Reader(plain, 700, 75),
            "400 bytes over TLS": Reader(secure, 400, 75, client_context(authority)),
            "2304 bytes": Reader(plain, 2304, 60),
        }
        for reader in running.values():
            reader.start()
        for reader in running.values():
            reader.join()
        yield running
    for one in listeners:
        one.close()


@pytest.mark.parametrize("what", ["nothing", "nothing over TLS"])
def test_a_client_that_reads_no_answer_is_closed_after_ten_seconds(readers, what):
    assert readers[what].ended is not None, "it lives on"
    assert 9 < readers[what].ended < 15


@pytest.mark.parametrize("what", ["700 bytes", "400 bytes over TLS"])
def test_a_client_that_reads_slowly_is_closed_after_a_minute(readers, what):
    assert readers[what].ended is not None, "it lives on"
    # Over TLS it takes 16 KiB to see that there is progress.
    assert (55 if what == "700 bytes" else 9) < readers[what].ended < 68


def test_who_takes_it_in_time_gets_it_whole_and_is_kept(readers):
    reader = readers["2304 bytes"]
    assert reader.ended is None
    answer, rest = parse(reader.taken)
    assert len(answer.body) == int(answer.header("Content-Length")) > 60_000
    assert rest == b""
