"""The TIME_WAITs that 1,000 probes leave, as ss counts them: three naive probers, and each mode of
ours."""

import http.client
import socket

import pytest

import servers as ways
from prober import changes, counters, poll, sockets, time_waits

PROBES = 1000


class TimeWaits:
    """All that are seen at an end of a port. One lasts 60 s, and on a busy machine the first have
    ended before the last probe, so this looks while the probes run."""

    def __init__(self, **end):
        self.end = end
        self.seen = set()

    def look(self):
        self.seen |= set(sockets("time-wait", **self.end))
        return len(self.seen)

    def are_left_by_each_probe(self):
        return self.look() >= PROBES * 0.95


def connect_and_close(port):
    socket.create_connection(("127.0.0.1", port)).close()


def connect_and_read_to_the_end(port):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        while connection.recv(4096):
            pass


def get_over_a_new_connection(port):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/")
    connection.getresponse().read()
    connection.close()


@pytest.mark.parametrize(
    ("probe", "way", "side"),
    [
        (connect_and_close, ways.wait_for_end, "client"),
        (get_over_a_new_connection, ways.keep_alive, "client"),
        (connect_and_read_to_the_end, ways.answer_and_close, "server"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_naive_prober_leaves_a_time_wait_for_each_probe(servers, probe, way, side):
    server = servers(way)
    left = TimeWaits(**{{"client": "peer", "server": "local"}[side]: server.port})
    for number in range(PROBES):
        probe(server.port)
        if number % 100 == 0:
            left.look()
    poll("each has left one", left.are_left_by_each_probe)


def run(prober, server, target, module, *flags, after_each=lambda number: None):
    """Probes a target 1,000 times. Returns the prober, which still runs."""
    module = {"interval": "100ms", "jitter": "0%", "back_off_limit": "0", **module}
    # /probe asks as fast as it gets answers.
    running = prober(*flags, config={"modules": {"fast": module}})
    for number in range(PROBES):
        status, page = running.get(f"/probe?target={target}&module=fast")
        assert status == 200
        assert "probe_success 1\n" in page, page
        after_each(number)
    return running


@pytest.mark.parametrize("probe", ["http", "tcp"])
def test_a_kept_connection_leaves_no_time_wait_and_no_error_at_the_server(servers, prober, probe):
    server = servers(ways.keep_alive)
    running = run(prober, server, server.place, {"probe": probe})
    assert server.connections == 1
    assert len(sockets("established", peer=server.port)) == 1
    running.stop()
    poll("the server has seen the end", lambda: not server.open)
    assert time_waits(server.port) == (0, 0)
    assert server.errors == {}


@pytest.mark.parametrize(
    ("probe", "way"),
    [("http", ways.keep_alive), ("tcp", ways.wait_for_end)],
)
def test_a_connection_for_each_probe_leaves_no_time_wait_without_time_wait(servers, prober, probe, way):
    server = servers(way)
    run(prober, server, server.place, {"probe": probe, "keep": False, "close": "without-time-wait"})
    poll("the server has had all connections", lambda: server.connections == PROBES and not server.open)
    assert time_waits(server.port) == (0, 0)
    assert server.errors == {}


def test_a_server_that_closes_first_keeps_the_time_waits_without_time_wait(servers, prober):
    server = servers(ways.answer_and_close)
    run(prober, server, server.place, {"probe": "http", "keep": False, "close": "without-time-wait"})
    poll("the server has seen all ends", lambda: not server.open)
    client, _ = time_waits(server.port)
    # Where both ends close at the same moment, each has one.
    assert client <= PROBES * 0.05
    assert server.errors == {}


def test_an_orderly_close_for_each_probe_leaves_a_time_wait_for_each(servers, prober):
    server = servers(ways.wait_for_end)
    left = TimeWaits(peer=server.port)
    before = counters()

    def after_each(number):
        # On a busy machine the server's threads get too little time while this one does not wait.
        poll("the server has closed", lambda: server.connections > number and not server.open, pause=0.001)
        if number % 100 == 0:
            left.look()

    module = {"probe": "tcp", "keep": False, "close": "orderly"}
    run(prober, server, server.place, module, after_each=after_each)
    # The prober resets a connection whose server has not closed it within a second.
    resets = counters()["OutRsts"] - before["OutRsts"]
    assert resets < PROBES / 10
    poll(
        "each connection that was not reset has left one",
        lambda: left.look() >= (PROBES - resets) * 0.95,
        state=lambda: f"{left.look()} were seen, {resets} resets; the kernel counted {changes(before, counters())}",
    )
    assert time_waits(server.port)[1] == 0
    assert server.errors == {}


@pytest.mark.parametrize(
    ("probe", "way"),
    [("http", ways.keep_alive), ("tcp", ways.wait_for_end)],
)
def test_fixed_source_ports_leave_at_most_a_time_wait_for_each_port(servers, prober, probe, way):
    server = servers(way)
    run(prober, server, server.place, {"probe": probe, "keep": False}, "--source.ports=61000-61003")
    poll("the server has had all connections", lambda: server.connections == PROBES and not server.open)
    left = sockets("time-wait", peer=server.port)
    assert 1 <= len(left) <= 4
    assert {local for local, _ in left} <= set(range(61000, 61004))
    assert time_waits(server.port)[1] == 0
    assert server.errors == {}


def test_a_look_into_the_kernels_table_makes_no_connection(servers, prober):
    server = servers(ways.keep_alive)
    run(prober, server, server.port, {"probe": "listen"})
    assert server.connections == 0
    assert time_waits(server.port) == (0, 0)
