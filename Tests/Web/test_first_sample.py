"""A scrape that comes before the first sample waits for it."""

import threading
import time

import pytest

from client import request
from exporter import Exporter, poll
from manager import blocking_procfs, open_up


@pytest.fixture
def waiting(tmp_path):
    """An exporter whose first reading hangs, and what ends that."""
    folder = blocking_procfs(tmp_path, "tcp")
    with Exporter.started(tmp_path, f"--path.procfs={folder}") as exporter:
        released = []

        def release():
            released.append(True)
            open_up(folder, "tcp")

        try:
            yield exporter, release
        finally:
            if not released:
                release()


def test_it_is_answered_when_the_sample_is_there(waiting):
    exporter, release = waiting
    clients = [exporter.client() for _ in range(20)]
    for client in clients:
        client.send(request())
    threading.Timer(1, release).start()
    begin = time.monotonic()
    for client in clients:
        answer = client.answer()
        assert answer.status == 200
        assert "timewait_buckets" in answer.text
        client.close()
    assert 0.8 < time.monotonic() - begin < 3


def test_a_request_gets_Retry_After_when_no_sample_arrives(waiting):
    exporter, _ = waiting
    with exporter.client() as client:
        begin = time.monotonic()
        answer = client.ask()
        assert answer.status == 503
        assert int(answer.header("Retry-After")) > 0
        assert answer.text.count("\n") == 1
        assert 1 < time.monotonic() - begin < 9
        # The connection is not lost by that.
        assert client.ask("/-/healthy").status == 200


def test_meanwhile_others_are_answered(waiting):
    exporter, release = waiting
    with exporter.client() as client:
        client.send(request())
        for path, status in [("/-/healthy", 200), ("/-/ready", 503), ("/nothing", 404)]:
            begin = time.monotonic()
            assert exporter.get(path).status == status
            assert time.monotonic() - begin < 1
        release()
        assert client.answer().status == 200
    poll("it is ready", lambda: exporter.get("/-/ready").status == 200)


def test_a_client_that_leaves_while_waiting_leaves_nothing_behind(waiting):
    exporter, release = waiting
    before = exporter.open_files()
    clients = [exporter.client() for _ in range(50)]
    for client in clients:
        client.send(request())
    poll("they are let in", lambda: exporter.open_files() >= before + 50)
    for client in clients:
        client.close()
    release()
    assert exporter.get().status == 200
    poll("they are gone", lambda: exporter.open_files() <= before)


def test_requests_behind_the_one_that_waits_come_in_their_order(waiting):
    exporter, release = waiting
    with exporter.client() as client:
        client.send(request() + request("/-/healthy") + request("/nothing"))
        time.sleep(0.3)
        release()
        assert [client.answer().status for _ in range(3)] == [200, 200, 404]
