"""How many connections are let in, and how large a request may be."""

import contextlib
import re
import resource
import select
import socket
import time

import pytest

from client import Client, Closed, request
from exporter import Exporter, poll, refused


def opened(exporter, count, **options):
    """So many clients that have been served once, and stay."""
    clients = []
    for _ in range(count):
        clients.append(exporter.client(**options))
        assert clients[-1].ask("/-/healthy").status == 200
    return clients


def close(clients):
    for client in clients:
        client.close()


HEALTH = request("/-/healthy")
STATES = ("active", "idle", "waiting")
CONNECTIONS = 'timewait_exporter_connections{{state="{}"}}'


def busy(exporter, count, data=HEALTH, address=None, **options):
    """So many clients in the middle of a request, which has ten seconds to come whole."""
    clients = []
    for _ in range(count):
        clients.append(Client(address or exporter.address, **options))
        clients[-1].send(data[:-2])
    # There is no word of theirs that says that they are inside.
    time.sleep(0.3)
    return clients


def finish(client, seconds=5):
    """The answer to a request of which the end was missing."""
    client.socket.settimeout(seconds)
    client.send(b"\r\n")
    return client.answer()


def test_past_the_limit_a_connection_waits_while_all_others_are_busy(tmp_path):
    with Exporter.started(tmp_path, "--web.max-connections=4") as exporter:
        inside = busy(exporter, 4)
        outside = [exporter.client() for _ in range(3)]
        for client in outside:
            client.send(request())
        assert not outside[0].ends(1)
        assert not outside[1].ends(0.1)
        inside[0].close()
        # Who is answered is idle, and makes room for the next.
        for client in outside:
            client.socket.settimeout(2)
            assert client.answer().status == 200
        # Nobody in the middle of a request was closed.
        assert [finish(client).status for client in inside[1:]] == [200] * 3
        close(inside + outside)
        assert exporter.get().status == 200
        assert len(exporter.lines("level=WARN", "All connections are in use")) == 1


def test_a_client_that_is_answered_makes_room_for_one_that_waits(tmp_path):
    with Exporter.started(tmp_path, "--web.max-connections=4") as exporter:
        inside = busy(exporter, 4)
        with exporter.client() as outside:
            outside.send(request())
            assert not outside.ends(0.7)
            assert finish(inside[0]).status == 200
            outside.socket.settimeout(2)
            assert outside.answer().status == 200
            assert inside[0].ends(2)
        assert [finish(client).status for client in inside[1:]] == [200] * 3
        close(inside)


def test_who_is_in_the_middle_of_a_request_has_a_place_for_ten_seconds_only(tmp_path):
    with Exporter.started(tmp_path, "--web.max-connections=4") as exporter:
        begin = time.monotonic()
        inside = busy(exporter, 4)
        with exporter.client(timeout=15) as outside:
            assert outside.ask().status == 200
            assert 9 < time.monotonic() - begin < 12
        close(inside)


def test_the_limit_holds_for_all_addresses_together(tmp_path):
    flags = ["--web.max-connections=4", "--web.listen-address=[::1]:0"]
    with Exporter.started(tmp_path, *flags) as exporter:
        first, second = exporter.addresses
        assert first[0] != second[0]
        inside = busy(exporter, 2, address=first) + busy(exporter, 2, address=second)
        outside = [Client(first), Client(second)]
        for client in outside:
            client.send(request())
            assert not client.ends(0.7)
        close(inside)
        for client in outside:
            client.socket.settimeout(2)
            assert client.answer().status == 200
        close(outside)


def test_when_nearly_full_the_connection_that_was_idle_longest_is_closed(tmp_path):
    # From 14 on only an eighth of the places is free.
    with Exporter.started(tmp_path, "--web.max-connections=16") as exporter:
        inside = opened(exporter, 14)
        # Now the second has been idle longest.
        assert inside[0].ask("/-/healthy").status == 200
        with exporter.client() as new:
            assert new.ask().status == 200
            assert inside.pop(1).ends(2)
            # All others are served on.
            assert [client.ask("/-/healthy").status for client in [*inside, new]] == [200] * 14
        close(inside)


def test_one_that_never_asked_is_closed_for_one_that_asks(tmp_path):
    with Exporter.started(tmp_path, "--web.max-connections=8") as exporter:
        silent = [exporter.client() for _ in range(8)]
        time.sleep(0.3)
        for _ in range(5):
            begin = time.monotonic()
            assert exporter.get().status == 200
            assert time.monotonic() - begin < 1
        assert silent[0].ends(1)
        close(silent)


@pytest.mark.parametrize("have_asked", [True, False], ids=["idle", "silent"])
def test_four_addresses_full_of_idle_connections_keep_nobody_out(tmp_path, have_asked):
    """As many as the default limits allow."""
    with Exporter.started(tmp_path) as exporter:
        crowd = []
        for address in ("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"):
            for _ in range(128):
                crowd.append(exporter.client(source=address))
                if have_asked:
                    assert crowd[-1].ask("/-/healthy").status == 200
        for _ in range(20):
            begin = time.monotonic()
            answer = exporter.get(source="127.0.0.9")
            assert answer.status == 200
            assert time.monotonic() - begin < 1
        # A kept connection stays one of those that have been idle least.
        with exporter.client(source="127.0.0.9") as kept:
            for number in range(20):
                assert kept.ask().status == 200
                crowd.append(exporter.client(source=f"127.0.1.{number + 1}"))
                time.sleep(0.02)
            assert kept.ask().status == 200
        close(crowd)


def test_connections_are_counted_by_what_they_do(tmp_path):
    with Exporter.started(tmp_path, "--web.max-connections=8") as exporter:

        def told(text):
            found = [re.search(rf"^{re.escape(CONNECTIONS.format(one))} (\S+)$", text, re.M)[1] for one in STATES]
            return [float(number) for number in found]

        idle = opened(exporter, 2)
        active = busy(exporter, 1, HEALTH) + busy(exporter, 1, request())

        def counted():
            with exporter.client() as client:
                text = client.ask().text
            assert "\ntimewait_exporter_connections_limit 8\n" in text
            return told(text) == [2, 2, 0]

        # Those who ask for the counts come and go between the samples, or not.
        poll("two active, two idle", counted)
        close(idle)
        active += busy(exporter, 6, HEALTH)
        waiting = [exporter.client() for _ in range(3)]
        # The page is a sample of the last second.
        time.sleep(2.2)
        assert told(finish(active[1]).text) == [8, 0, 3]
        close(active + waiting)


def test_a_waiting_connection_that_goes_away_is_no_trouble(tmp_path):
    with Exporter.started(tmp_path, "--web.max-connections=2") as exporter:
        inside = busy(exporter, 2)
        for _ in range(20):
            with exporter.client() as client:
                client.send(request())
        close(inside)
        with exporter.client() as client:
            assert client.ask().status == 200


def test_without_descriptors_it_waits_without_work_and_goes_on_when_there_are_some(tmp_path):
    with Exporter.started(tmp_path) as exporter:
        assert exporter.get().status == 200
        _, most = resource.prlimit(exporter.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(exporter.pid, resource.RLIMIT_NOFILE, (exporter.open_files() + 10, most))
        clients = [exporter.client(source=f"127.0.0.{number % 4 + 2}") for number in range(60)]
        poll("it is told", lambda: exporter.lines("No connection can be accepted"))
        before = exporter.cpu_seconds()
        time.sleep(2)
        assert exporter.cpu_seconds() - before < 1
        # Who is inside is served.
        assert clients[0].ask("/-/healthy").status == 200
        # A place that becomes free is taken.
        for client in clients[:5]:
            client.close()
        served = [client for client in clients[5:40] if not client.send(HEALTH)]
        poll("five more are answered", lambda: len(select.select([c.socket for c in served], [], [], 0)[0]) >= 10, 5)
        resource.prlimit(exporter.pid, resource.RLIMIT_NOFILE, (most, most))
        assert [client.answer().status for client in served] == [200] * len(served)
        assert [client.ask("/-/healthy").status for client in clients[40:]] == [200] * 20
        poll("a page", lambda: exporter.get().status == 200)
        assert len(exporter.lines("level=ERROR", "No connection can be accepted")) == 1
        close(clients)


@pytest.mark.parametrize("data", [b"", b"GET /met", request()[:-2], request(method="POST", headers={"Content-Length": 9})])
def test_a_client_that_goes_in_the_middle_of_a_request_frees_its_place_at_once(tmp_path, data):
    with Exporter.started(tmp_path, "--web.max-connections=20") as exporter:
        assert exporter.get().status == 200
        before = exporter.open_files()
        for _ in range(200):
            with exporter.client() as client:
                client.send(data)
        with exporter.client() as client:
            client.socket.settimeout(2)
            assert client.ask().status == 200
        poll("they are gone", lambda: exporter.open_files() <= before, 2)


def shut_out(exporter, **options):
    """Whether a new connection is closed without an answer."""
    try:
        with exporter.client(**options) as client:
            client.send(request())
            client.answer()
    except (Closed, ConnectionError):
        return True
    return False


def test_past_the_limit_of_an_address_a_connection_is_closed(tmp_path):
    with Exporter.started(tmp_path, "--web.max-connections-per-address=3") as exporter:
        inside = opened(exporter, 3, source="127.0.0.2")
        for _ in range(20):
            assert shut_out(exporter, source="127.0.0.2")
        # Others have a limit of their own.
        others = opened(exporter, 3, source="127.0.0.3")
        assert inside[0].ask().status == 200
        inside.pop().close()
        poll("there is room again", lambda: not shut_out(exporter, source="127.0.0.2"))
        close(inside + others)


def test_the_limit_of_an_address_holds_on_a_dual_stack_socket_and_for_all_sockets_together(tmp_path):
    flags = ["--web.max-connections-per-address=3", "--web.listen-address=127.0.0.1:0"]
    with Exporter.started(tmp_path, *flags, listen="[::]:0") as exporter:
        # The dual-stack one listens at all addresses.
        addresses = [("127.0.0.1", port) for _, port in exporter.addresses]
        inside = []
        for number in range(3):
            inside.append(Client(addresses[number % 2], source="127.0.0.5"))
            assert inside[-1].ask("/-/healthy").status == 200
        for address in addresses:
            with pytest.raises((Closed, ConnectionError)), Client(address, source="127.0.0.5") as client:
                client.ask()
            with Client(address, source="127.0.0.6") as client:
                assert client.ask().status == 200
        close(inside)


@pytest.mark.parametrize("flag", ["--web.max-connections", "--web.max-connections-per-address"])
@pytest.mark.parametrize("value", ["0", "-1", "many", "", "1.5", "99999999999999999999"])
def test_a_limit_that_is_no_number_is_not_understood(flag, value):
    status, told = refused(f"{flag}={value}", "--web.listen-address=127.0.0.1:0")
    assert status == 64
    assert told.count("\n") == 1
    assert flag in told


def test_more_connections_than_file_handles_are_refused_at_the_start():
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))

    flags = ["--web.max-connections=1000", "--web.listen-address=127.0.0.1:0"]
    status, told = refused(*flags, preexec_fn=few)
    assert status == 1
    assert told.count("\n") == 1
    assert told.startswith("timewait_exporter: --web.max-connections")
    assert "100" in told


def test_a_soft_limit_of_file_handles_is_raised(tmp_path):
    def low():
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, most))

    with Exporter.started(tmp_path, "--web.max-connections=300", preexec_fn=low) as exporter:
        clients = [client for n in range(3) for client in opened(exporter, 70, source=f"127.0.0.{n + 2}")]
        assert exporter.get().status == 200
        close(clients)


# The size of a request.


@pytest.mark.parametrize("size", [4_000, 8_000, 12_000])
def test_long_URIs_and_headers_are_read(plain, size):
    assert plain.get("/metrics?x=" + "x" * size).status == 200
    assert plain.get(headers={"X": "x" * size}).status == 200
    # Each header takes some room of its own.
    assert plain.get(headers={f"X-{n}": "x" * 100 for n in range(size // 200)}).status == 200


@pytest.mark.parametrize("size", [40_000, 200_000, 2_000_000])
def test_a_URI_that_is_too_long_is_414(plain, size):
    assert told(plain, request("/metrics?x=" + "x" * size)) in ({414}, {431})


@pytest.mark.parametrize("size", [40_000, 200_000, 2_000_000])
def test_headers_that_are_too_large_are_431(plain, size):
    assert told(plain, request(headers={"X": "x" * size})) == {431}
    assert told(plain, request(headers={f"X-{n}": "x" * 100 for n in range(size // 110)})) == {431}
    assert told(plain, request(headers={"x" * size: ""})) == {431}


def told(exporter, data):
    """The statuses with which the server ends the connection, after it was sent more than it wants
    to read."""
    statuses = set()
    with exporter.client() as client:
        begin = time.monotonic()
        with contextlib.suppress(ConnectionError):
            client.send(data)
        with contextlib.suppress(Closed):
            while True:
                statuses.add(client.answer().status)
        assert time.monotonic() - begin < 5
    return statuses


def test_a_body_that_is_too_large_is_413(plain):
    for method in ("POST", "GET", "PUT"):
        with plain.client() as client:
            client.send(request(method=method, headers={"Content-Length": (1 << 20) + 1}))
            answer = client.answer()
            assert answer.status == 413
            assert answer.closes
            assert client.ends()


def test_a_body_that_nobody_asked_for_is_read_and_the_connection_goes_on(plain):
    with plain.client() as client:
        for size in (0, 1, 10_000, 1 << 20):
            headers = {"Content-Length": size}
            assert client.ask(headers=headers, method="POST", body=b"x" * size).status == 405
            assert client.ask(headers=headers, body=b"x" * size).status == 200
        assert client.ask().status == 200


@pytest.mark.parametrize("size", [1, 100, 65_536])
def test_an_endless_body_in_chunks_is_cut(plain, size):
    chunk = f"{size:x}\r\n".encode() + b"x" * size + b"\r\n"
    block = chunk * (65_536 // len(chunk) + 1)
    sent = 0
    with plain.client() as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        client.send(request(method="POST", headers={"Transfer-Encoding": "chunked"}))
        with contextlib.suppress(ConnectionError):
            while sent < 100 << 20:
                client.send(block)
                sent += len(block)
    assert sent < 32 << 20
    assert plain.get().status == 200


def test_a_body_in_chunks_that_is_too_large_is_not_read_on(plain):
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    for count, status in ((15, 405), (17, 413)):
        with plain.client() as client:
            client.send(request(method="POST", headers={"Transfer-Encoding": "chunked"}))
            try:
                for _ in range(count):
                    client.send(chunk)
                client.send(b"0\r\n\r\n")
                assert client.answer().status == status
            except (Closed, ConnectionError):
                assert count > 16


def test_a_client_that_asks_before_it_sends_a_body_is_answered_at_once(plain):
    with plain.client() as client:
        client.send(request(method="POST", headers={"Content-Length": 2 << 20, "Expect": "100-continue"}))
        assert client.answer().status == 413
    with plain.client() as client:
        client.send(request(method="POST", headers={"Content-Length": 3, "Expect": "100-continue"}))
        first = client.answer()
        if first.status == 100:
            client.send(b"abc")
            first = client.answer()
        assert first.status == 405
