"""Notifications to the service manager."""

import itertools
import signal
import time

import pytest

from client import Client
from exporter import Exporter, poll
from manager import Notifications, activation, blocking_procfs, hang, listener, open_up

pytestmark = pytest.mark.waits


@pytest.fixture(params=["path", "abstract"])
def name(request, tmp_path):
    return tmp_path / "notify" if request.param == "path" else f"@timewait-{time.monotonic_ns()}"


def test_it_says_READY_once_a_scrape_is_answered(tmp_path, name):
    scrapes = []

    def heard(message):
        if "READY=1" in message.splitlines():
            with Client(passed.getsockname()) as client:
                scrapes.append(client.ask().status)

    with listener() as passed, Notifications(name, heard) as manager:
        folder = blocking_procfs(tmp_path, "tcp")
        flags = ["--web.systemd-socket", f"--path.procfs={folder}"]
        options = activation(passed.fileno())
        with Exporter.started(tmp_path, *flags, listen=None, env=manager.env, **options):
            # The first sample is not there yet.
            time.sleep(1)
            assert manager.messages == []
            open_up(folder, "tcp")
            poll("READY", lambda: scrapes)
            assert scrapes == [200]
            time.sleep(1.5)
        assert len(manager.times("READY=1")) == 1


def test_it_says_STOPPING_once_it_is_asked_to_end(tmp_path, name):
    with Notifications(name) as manager, Exporter.started(tmp_path, env=manager.env) as exporter:
        poll("READY", lambda: manager.times("READY=1"))
        assert manager.times("STOPPING=1") == []
        exporter.stop()
        poll("STOPPING", lambda: manager.times("STOPPING=1"))
        assert len(manager.times("STOPPING=1")) == 1


def test_it_says_WATCHDOG_in_time(tmp_path, name):
    """From the first READY on, never later than the manager wants; without a scrape, too."""
    with Notifications(name) as manager:
        with Exporter.started(tmp_path, env={**manager.env, "WATCHDOG_USEC": "600000"}):
            time.sleep(4)
            end = time.monotonic()
        said = manager.times("WATCHDOG=1")
        times = [manager.times("READY=1")[0], *said, end]
        gaps = [after - before for before, after in itertools.pairwise(times)]
        assert max(gaps) < 0.6
        # But it need not be said all the time.
        assert len(said) < 40


def test_it_says_no_WATCHDOG_unless_it_is_asked(tmp_path):
    for env in ({}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "200000", "WATCHDOG_PID": "1"}):
        with Notifications(f"@timewait-{time.monotonic_ns()}") as manager:
            with Exporter.started(tmp_path, env={**manager.env, **env}):
                poll("READY", lambda: manager.times("READY=1"))
                time.sleep(1)
            assert manager.times("WATCHDOG=1") == []


def test_a_process_that_stands_still_says_nothing(tmp_path, name):
    asked = {"NOTIFY_SOCKET": str(name), "WATCHDOG_USEC": "400000"}
    with Notifications(name) as manager, Exporter.started(tmp_path, env=asked) as exporter:
        poll("WATCHDOG", lambda: manager.times("WATCHDOG=1"))
        exporter.signal(signal.SIGSTOP)
        time.sleep(0.1)
        before = len(manager.messages)
        time.sleep(1.5)
        assert len(manager.messages) == before
        exporter.signal(signal.SIGCONT)
        poll("WATCHDOG", lambda: len(manager.messages) > before)


def test_it_says_WATCHDOG_while_a_reading_is_slow(tmp_path, name):
    """As long as the page of the last reading is served. test_stale.py has what comes then."""
    folder = blocking_procfs(tmp_path, "tcp")
    open_up(folder, "tcp")
    with Notifications(name) as manager:
        env = {**manager.env, "WATCHDOG_USEC": "400000"}
        with Exporter.started(tmp_path, f"--path.procfs={folder}", env=env) as exporter:
            poll("WATCHDOG", lambda: manager.times("WATCHDOG=1"))
            hang(folder, "tcp")
            time.sleep(4)
            assert exporter.get().status == 200
            said = [*manager.times("WATCHDOG=1"), time.monotonic()]
            assert max(after - before for before, after in itertools.pairwise(said)) < 0.4
            open_up(folder, "tcp")


@pytest.mark.parametrize("nobody", ["/nowhere/notify", "@nobody-listens", "", "relative", "/" + "x" * 200, "@"])
def test_a_manager_that_does_not_listen_is_no_reason_to_stop(tmp_path, nobody):
    with Exporter.started(tmp_path, env={"NOTIFY_SOCKET": nobody, "WATCHDOG_USEC": "100000"}) as exporter:
        assert exporter.get().status == 200


def test_a_manager_that_does_not_read_holds_up_nothing(tmp_path):
    """Its queue takes a few messages only."""
    manager = Notifications(tmp_path / "notify")
    with Exporter.started(tmp_path, env={**manager.env, "WATCHDOG_USEC": "20000"}) as exporter:
        time.sleep(2)
        begin = time.monotonic()
        assert exporter.get().status == 200
        assert time.monotonic() - begin < 1
        sampled = 'timewait_sampler_last_success_timestamp_seconds{collector="sockstat"}'
        assert time.time() - exporter.metric(sampled) < 3
    manager.socket.close()
