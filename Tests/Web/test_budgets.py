"""No reading holds up the first page, the watchdog or the stop: one that hangs goes on in the
background, one of the socket table that takes too long is given up, and the page and the log say
so."""

import contextlib
import json
import os
import pathlib
import platform
import signal
import subprocess
import time

import pytest

from exporter import BINARY, Exporter, poll
from manager import Notifications, blocking_procfs, hang, open_up

pytestmark = pytest.mark.waits

# A file that hangs, and the collector that reads it.
HANGING = [
    ("fib_trie", "local_addresses"),
    ("udp", "udp"),
    ("sockstat", "sockstat"),
    ("netstat", "netstat"),
    ("sys/net/ipv4/tcp_fin_timeout", "sysctl"),
    ("sys/net/ipv4/ip_local_reserved_ports", "ephemeral_range"),
]
HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def series(name, collector, **labels):
    pairs = {"collector": collector, **labels}
    return name + "{" + ",".join(f'{key}="{value}"' for key, value in pairs.items()) + "}"


def seconds_to_end(process, status):
    begin = time.monotonic()
    assert process.wait(15) == status
    return time.monotonic() - begin


@pytest.mark.parametrize("name, collector", HANGING)
def test_a_reading_that_hangs_from_the_start_delays_the_first_page_by_two_seconds_only(tmp_path, name, collector):
    folder = blocking_procfs(tmp_path, name)
    with Notifications(tmp_path / "notify") as manager:
        env = {**manager.env, "WATCHDOG_USEC": "2000000"}
        begin = time.monotonic()
        with Exporter.started(tmp_path, f"--path.procfs={folder}", "--sampler.interval=1s", env=env) as exporter:
            poll("READY", lambda: manager.times("READY=1"), 20)
            assert time.monotonic() - begin < 15
            success = series("timewait_sampler_success", collector)
            assert exporter.metric(success) == 0
            errors = series("timewait_sampler_errors_total", collector, reason="timed_out")
            assert exporter.metric(errors) == 1
            assert exporter.metric(series("timewait_sampler_success", "socket_table")) == 1
            # What hangs is not begun a second time, and the others go on.
            threads = exporter.threads()
            sampled = series("timewait_sampler_last_success_timestamp_seconds", "socket_table")
            before = exporter.metric(sampled)
            poll("the table is read again", lambda: exporter.metric(sampled) > before + 2, 20)
            assert exporter.threads() <= threads
            assert exporter.metric(errors) == 1
            assert len(exporter.lines("A reading takes long", f"collector={collector}", "goes on in the background")) == 1
            poll("WATCHDOG", lambda: manager.times("WATCHDOG=1"))
            open_up(folder, name)
            # The reading that hung found nothing; the next one does.
            poll("it is read", lambda: exporter.metric(success) == 1, 20)
            poll("it is said", lambda: exporter.lines("Reading works again", f"collector={collector}"))
            assert exporter.metric(errors) == 1


@pytest.mark.parametrize("name, collector", HANGING)
def test_it_ends_at_once_and_in_order_while_a_reading_hangs(tmp_path, name, collector):
    folder = blocking_procfs(tmp_path, name)
    open_up(folder, name)
    flags = [f"--path.procfs={folder}", "--sampler.interval=1s"]
    with Exporter.started(tmp_path, *flags) as exporter:
        poll("it is read", lambda: exporter.metric(series("timewait_sampler_success", collector)) == 1)
        hang(folder, name)
        poll("it hangs", lambda: exporter.lines("goes on in the background"), 20)
        exporter.signal(signal.SIGTERM)
        assert seconds_to_end(exporter.process, 0) < 2


@pytest.mark.parametrize("name", ["sys/kernel/hostname", "sys/kernel/osrelease"])
def test_names_that_hang_hold_up_neither_the_pages_for_a_person_nor_a_diagnosis(tmp_path, name):
    folder = blocking_procfs(tmp_path, name)
    flags = [f"--path.procfs={folder}"]
    with Exporter.started(tmp_path, *flags) as exporter:
        for _ in range(3):
            begin = time.monotonic()
            answer = exporter.get("/api/v1/diagnosis")
            assert answer.status == 200
            assert exporter.get("/").status == 200
            assert time.monotonic() - begin < 5
        seen = json.loads(answer.text)
        assert (seen["host"], seen["kernel"]) == ("localhost", "Linux of unknown version")
        # Who owns the sockets is read all the same.
        assert "who owns the sockets" not in answer.text
        # A thread waits for the file, and no more come.
        threads = exporter.threads()
        open_up(folder, name)
        named = {"host": platform.node(), "kernel": f"Linux {platform.release()}"}

        def is_named():
            seen = json.loads(exporter.get("/api/v1/diagnosis").text)
            return {key: seen[key] for key in named} == named

        poll("it is read", is_named, 20)
        assert exporter.threads() <= threads
        hang(folder, name)
        begin = time.monotonic()
        asked = subprocess.run([BINARY, "diagnose", *flags], capture_output=True, text=True, timeout=60)
        assert asked.returncode in (0, 1, 2)
        assert time.monotonic() - begin < 20
        exporter.signal(signal.SIGTERM)
        assert seconds_to_end(exporter.process, 0) < 2


def test_a_table_that_hangs_from_the_start_delays_the_first_page_by_eleven_seconds_only(tmp_path):
    folder = blocking_procfs(tmp_path, "tcp")
    with Notifications(tmp_path / "notify") as manager:
        env = {**manager.env, "WATCHDOG_USEC": "2000000"}
        begin = time.monotonic()
        with Exporter.started(tmp_path, f"--path.procfs={folder}", "--sampler.interval=1s", env=env) as exporter:
            poll("READY", lambda: manager.times("READY=1"), 25)
            assert time.monotonic() - begin < 15
            success = series("timewait_sampler_success", "socket_table")
            assert exporter.metric(success) == 0
            assert exporter.metric(series("timewait_sampler_errors_total", "socket_table", reason="timed_out")) == 1
            assert "timewait_table_sockets" not in exporter.get().text
            sampled = series("timewait_sampler_last_success_timestamp_seconds", "sockstat")
            before = exporter.metric(sampled)
            poll("the others are read again", lambda: exporter.metric(sampled) > before + 2, 20)
            assert len(exporter.lines("A reading takes long", "collector=socket_table", "goes on in the background")) == 1
            poll("WATCHDOG", lambda: manager.times("WATCHDOG=1"))
            open_up(folder, "tcp")
            poll("it is read", lambda: exporter.metric(success) == 1, 20)
            assert exporter.metric('timewait_table_sockets{family="ipv4",state="listen"}') >= 1


@pytest.mark.parametrize("seconds", [1, 13])
def test_it_ends_at_once_and_in_order_while_the_table_hangs(tmp_path, seconds):
    """Before the first page, and after it."""
    folder = blocking_procfs(tmp_path, "tcp")
    with Exporter.started(tmp_path, f"--path.procfs={folder}", "--sampler.interval=1s") as exporter:
        time.sleep(seconds)
        exporter.signal(signal.SIGTERM)
        assert seconds_to_end(exporter.process, 0) < 2


@contextlib.contextmanager
def hung_later(tmp_path, name, collector):
    """An exporter that reads a file well at first, and then finds it hanging: with its folder, and
    the series of the last success."""
    folder = blocking_procfs(tmp_path, name)
    open_up(folder, name)
    with Exporter.started(tmp_path, f"--path.procfs={folder}", "--sampler.interval=1s") as exporter:
        sampled = series("timewait_sampler_last_success_timestamp_seconds", collector)
        poll("it is read", lambda: exporter.metric(sampled))
        hang(folder, name)
        yield exporter, folder, sampled


def test_while_the_table_hangs_the_last_one_is_served_until_its_time_is_over(tmp_path):
    with hung_later(tmp_path, "tcp", "socket_table") as (exporter, folder, sampled):
        time.sleep(4)
        before = exporter.metric(sampled)
        other = series("timewait_sampler_last_success_timestamp_seconds", "sockstat")
        poll("only the table is old", lambda: exporter.metric(other) - exporter.metric(sampled) > 5, 20)
        assert exporter.metric(sampled) == before
        assert exporter.metric('timewait_table_sockets{family="ipv4",state="listen"}') >= 1
        success = series("timewait_sampler_success", "socket_table")
        poll("it is late", lambda: exporter.metric(success) == 0, 80)
        assert "timewait_table_sockets" not in exporter.get().text
        open_up(folder, "tcp")
        poll("it is read", lambda: exporter.metric(success) == 1, 20)


def test_what_was_read_before_stays_on_the_page_and_its_age_shows(tmp_path):
    """Whose a TIME_WAIT is depends on the addresses: they are those that were read last."""
    with hung_later(tmp_path, "fib_trie", "local_addresses") as (exporter, folder, sampled):
        poll("it hangs", lambda: exporter.lines("goes on in the background"), 20)
        before = exporter.metric(sampled)
        time.sleep(2.5)
        assert exporter.metric(sampled) == before
        assert exporter.metric('timewait_sockets{role="server",peer="local"}') is not None
        open_up(folder, "fib_trie")


@pytest.fixture
def slow_table(tmp_path):
    """An exporter whose reading of the socket table takes 15 s: each read() of it takes 0.3 s."""
    folder = blocking_procfs(tmp_path, "tcp")
    (folder / "net" / "tcp").unlink()
    row = "0: 0100007F:{:04X} 0100007F:1F90 06 00000000:00000000 03:000012C0 00000000     0        0 0 3 0000000000000000\n"
    rows = [row.format(10_000 + number % 50_000) for number in range(30_000)]
    (folder / "net" / "tcp").write_text(HEADER + "".join(rows))
    (folder / "net" / "tcp6").unlink()
    (folder / "net" / "tcp6").write_text(HEADER)
    delay = ["-P", folder / "net" / "tcp", "-e", "inject=read:delay_exit=300000"]
    wrapper = ["strace", "-qq", "-f", "-o", "/dev/null", *delay]
    with Exporter.started(tmp_path, f"--path.procfs={folder}", wrapper=wrapper) as exporter:
        (child,) = pathlib.Path(f"/proc/{exporter.pid}/task/{exporter.pid}/children").read_text().split()
        yield exporter, int(child)


def test_a_reading_of_the_table_that_takes_too_long_is_given_up_and_the_page_comes_without_it(slow_table):
    exporter, child = slow_table
    failed = series("timewait_sampler_errors_total", "socket_table", reason="timed_out")
    begin = time.monotonic()
    poll("there is a page", lambda: exporter.get("/-/ready").status == 200, 40)
    assert time.monotonic() - begin > 5
    text = exporter.get().text
    assert f"{failed} 1" in text
    assert "timewait_table_sockets" not in text
    assert "timewait_buckets" in text
    assert exporter.lines("A reading failed", "collector=socket_table", "given up after 10 s")
    os.kill(child, signal.SIGTERM)
    assert seconds_to_end(exporter.process, 0) < 5


def test_it_ends_at_once_and_in_order_while_the_table_is_read_for_long(slow_table):
    exporter, child = slow_table
    time.sleep(1.5)
    os.kill(child, signal.SIGTERM)
    assert seconds_to_end(exporter.process, 0) < 3
    assert not exporter.lines("level=ERROR")
