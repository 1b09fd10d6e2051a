"""SIGTERM: answers on their way are finished, for five seconds at most; nobody new is let in."""

import signal
import time

import pytest

import passwords
from certificates import client_context, tls_section
from client import Closed, request
from exporter import Exporter, poll
from manager import blocking_procfs, open_up
from sockets import narrow_pipes


def seconds_to_end(exporter, begin):
    exporter.process.wait(15)
    assert exporter.process.returncode == 0
    return time.monotonic() - begin


@pytest.fixture(params=["plain", "TLS"])
def slow(request, tmp_path, config, authority, server):
    """An exporter whose answers wait for the client to take them, and how to connect to it."""
    secure = request.param == "TLS"
    path = config(tls_section(server)) if secure else None
    with narrow_pipes(), Exporter.started(tmp_path, config=path) as exporter:
        options = {"receive_buffer": 2304}
        if secure:
            options["tls"] = client_context(authority)
        yield exporter, options


def test_a_download_is_finished_and_nobody_new_is_let_in(slow):
    exporter, options = slow
    with exporter.client(**options) as client:
        client.send(request())
        client.unread = client.receive(100)
        begin = time.monotonic()
        exporter.signal(signal.SIGTERM)
        poll("it stops", lambda: "msg=Stopping" in exporter.log())

        def refused():
            try:
                exporter.client().close()
            except ConnectionRefusedError:
                return True

        poll("a new connection is refused", refused, 1)
        assert exporter.process.poll() is None
        # Slowly, but in time.
        time.sleep(2)
        answer = client.answer()
        assert answer.status == 200
        assert len(answer.body) == int(answer.header("Content-Length")) > 20_000
        assert client.ends()
        assert seconds_to_end(exporter, begin) < 5


def test_a_download_that_nobody_takes_is_given_up(slow):
    exporter, options = slow
    with exporter.client(**options) as client:
        client.send(request())
        client.unread = client.receive(100)
        begin = time.monotonic()
        exporter.signal(signal.SIGTERM)
        assert 4 < seconds_to_end(exporter, begin) < 7
        with pytest.raises(Closed):
            client.answer()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_connections_that_are_only_kept_hold_up_nothing(tmp_path, number):
    with Exporter.started(tmp_path) as exporter:
        idle, silent, begun = (exporter.client() for _ in range(3))
        assert idle.ask().status == 200
        begun.send(b"GET /metrics HT")
        begin = time.monotonic()
        exporter.signal(number)
        assert seconds_to_end(exporter, begin) < 2
        assert [client.ends() for client in (idle, silent, begun)] == [True] * 3


def ask_and_go(exporter, count, **options):
    for _ in range(count):
        with exporter.client() as client:
            client.send(request(**options))
    time.sleep(0.5)


def test_clients_that_went_away_hold_up_nothing(tmp_path):
    with Exporter.started(tmp_path) as exporter:
        ask_and_go(exporter, 200)
        begin = time.monotonic()
        exporter.signal(signal.SIGTERM)
        assert seconds_to_end(exporter, begin) < 2


def test_clients_that_went_away_before_the_first_sample_hold_up_nothing(tmp_path):
    folder = blocking_procfs(tmp_path, "tcp")
    with Exporter.started(tmp_path, f"--path.procfs={folder}") as exporter:
        ask_and_go(exporter, 20)
        open_up(folder, "tcp")
        assert exporter.get().status == 200
        begin = time.monotonic()
        exporter.signal(signal.SIGTERM)
        assert seconds_to_end(exporter, begin) < 2


def test_clients_that_left_before_bcrypt_finished_hold_up_nothing(tmp_path, config):
    with Exporter.started(tmp_path, config=config(passwords.section("cost11"))) as exporter:
        ask_and_go(exporter, 10, headers=passwords.header("cost11", "wrong"))
        ask_and_go(exporter, 10, headers=passwords.right("cost11"))
        # Four passwords of this address may still wait, 0.15 s each on a machine that does nothing
        # else.
        poll("an answer", lambda: exporter.get(headers=passwords.right("cost11")).status == 200)
        begin = time.monotonic()
        exporter.signal(signal.SIGTERM)
        assert seconds_to_end(exporter, begin) < 2


def test_who_waits_for_bcrypt_is_answered_or_closed_in_time(tmp_path, config):
    with Exporter.started(tmp_path, config=config(passwords.section("cost11"))) as exporter:
        clients = [exporter.client() for _ in range(5)]
        for client in clients:
            client.send(request(headers=passwords.right("cost11")))
        time.sleep(0.05)
        begin = time.monotonic()
        exporter.signal(signal.SIGTERM)
        assert seconds_to_end(exporter, begin) < 7
        for client in clients:
            try:
                assert client.answer().status in (200, 503)
            except Closed as cut:
                assert cut.args == (b"",)
            client.close()


def test_who_waits_for_the_first_sample_holds_up_nothing_for_long(tmp_path):
    folder = blocking_procfs(tmp_path, "tcp")
    with Exporter.started(tmp_path, f"--path.procfs={folder}") as exporter, exporter.client() as client:
        client.send(request())
        time.sleep(0.5)
        begin = time.monotonic()
        exporter.signal(signal.SIGTERM)
        open_up(folder, "tcp")
        assert seconds_to_end(exporter, begin) < 7
        assert client.answer().status in (200, 503)


def test_a_second_signal_does_no_harm(tmp_path):
    with narrow_pipes(), Exporter.started(tmp_path) as exporter, exporter.client(receive_buffer=2304) as client:
        client.send(request())
        client.unread = client.receive(100)
        begin = time.monotonic()
        exporter.signal(signal.SIGTERM)
        poll("it stops", lambda: "msg=Stopping" in exporter.log())
        exporter.signal(signal.SIGTERM)
        exporter.signal(signal.SIGINT)
        assert client.answer().status == 200
        assert seconds_to_end(exporter, begin) < 5
