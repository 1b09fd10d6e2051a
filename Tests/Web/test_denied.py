"""The exporter under a filter of system calls: what it may not ask it does without, and it never
waits busily."""

import contextlib
import pathlib
import signal
import socket
import subprocess
import time

import pytest

from denied import CALLS, denied
from exporter import BINARY, Exporter, poll


def wanted(exporter):
    """By thread, the seconds in which it ran, or waited for a core to run on: on a busy machine a
    thread that never sleeps gets only a part of one."""
    times = {}
    for path in pathlib.Path(f"/proc/{exporter.pid}/task").glob("*/schedstat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            ran, waited, _ = path.read_text().split()
            times[path.parent.name] = (int(ran) + int(waited)) / 1e9
    return times


def rests(exporter, seconds=1.0):
    """Whether each thread rests in a time; one that waits busily never does."""
    before, begin = wanted(exporter), time.monotonic()
    time.sleep(seconds)
    after, passed = wanted(exporter), time.monotonic() - begin
    return all(after[thread] - before[thread] < 0.8 * passed for thread in after.keys() & before.keys())


@pytest.mark.parametrize("call", sorted(CALLS))
def test_no_system_call_that_is_denied_makes_it_wait_busily(tmp_path, call):
    """It serves, or ends with one line that says why."""
    with Exporter.started(tmp_path, serves=False, listen="127.0.0.1:10057", **denied(call)) as exporter:
        poll("it serves or ends", lambda: exporter.process.poll() is not None or exporter.lines("msg=Serving"), 30)
        if exporter.process.poll() is None:
            poll("no thread is always busy", lambda: rests(exporter), 60)
        else:
            exporter.status_at_end = exporter.process.returncode
            assert exporter.process.returncode == 1, exporter.log()
            assert len(exporter.log().splitlines()) == 1, exporter.log()


@pytest.mark.parametrize("call", ["rt_sigtimedwait", "rt_sigprocmask"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("first", [False, True], ids=["as any process", "as process 1"])
def test_without_a_wait_for_signals_it_says_so_once_serves_and_a_signal_ends_it(tmp_path, number, first, call):
    options = denied(call)
    if first:
        options["wrapper"] = ["unshare", "--pid", "--fork", "--kill-child", *options["wrapper"]]
    with Exporter.started(tmp_path, **options) as exporter:
        assert exporter.get().status == 200
        poll("it says so", lambda: exporter.lines("Signals cannot be waited for", "level=ERROR"))
        exporter.signal(signal.SIGHUP) if not first else None
        time.sleep(1.5)
        assert len(exporter.lines("Signals cannot be waited for")) == 1
        assert exporter.get().status == 200
        if first:
            inner = subprocess.run(["pgrep", "-P", str(exporter.pid)], capture_output=True, text=True).stdout.split()
            subprocess.run(["kill", f"-{number.value}", *inner], check=True)
        else:
            exporter.signal(number)
        assert exporter.process.wait(10) == 0


@pytest.mark.parametrize(
    "call, line",
    [
        ("clone3", "cannot start a thread: Operation not permitted; a filter of system calls must allow clone3()"),
        ("poll", "cannot serve: poll: Operation not permitted"),
        ("recvfrom", "cannot serve: recvfrom: Operation not permitted"),
        ("sendto", "cannot serve: sendto: Operation not permitted"),
        ("sendmsg", "cannot serve: sendmsg: Operation not permitted"),
        (
            "clock_gettime",
            "cannot measure CPU time: Operation not permitted; a filter of system calls must allow clock_gettime()",
        ),
        ("epoll_create1", "cannot serve: epoll_create1: Operation not permitted"),
        ("epoll_wait", "cannot serve: epoll_wait: Operation not permitted"),
        ("epoll_ctl", "cannot serve: libmicrohttpd: Call to epoll_ctl failed: Operation not permitted"),
        (
            "eventfd2",
            "cannot serve: libmicrohttpd: Failed to create inter-thread communication channel: Operation not permitted",
        ),
    ],
)
def test_it_says_which_call_it_cannot_start_without(tmp_path, call, line):
    command = [*denied(call)["wrapper"], BINARY, "--web.listen-address=127.0.0.1:10057"]
    ended = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=30)
    assert ended.returncode == 1
    (said,) = ended.stderr.splitlines()
    assert line in said and "--web.listen-address" not in said, said


@pytest.mark.parametrize("command, status", [("diagnose", 3), ("metrics", 1)])
def test_a_command_that_can_start_no_thread_says_so_in_one_line(command, status):
    ended = subprocess.run(
        [str(word) for word in [*denied("clone3")["wrapper"], BINARY, command]], capture_output=True, text=True, timeout=30
    )
    line = "cannot start a thread: Operation not permitted; a filter of system calls must allow clone3()"
    assert (ended.returncode, ended.stdout) == (status, "")
    assert ended.stderr == f"timewait_exporter: {line}\n"


def test_without_access_it_reads_all_the_same(tmp_path):
    with Exporter.started(tmp_path, **denied("access")) as exporter:
        poll("there is a page", lambda: exporter.get("/-/ready").status == 200)
        assert exporter.metric('timewait_sampler_success{collector="socket_table"}') == 1
        assert not exporter.lines("level=ERROR")


def test_without_accept_it_says_so_and_does_not_wait_busily(tmp_path):
    with Exporter.started(tmp_path, serves=False, listen="127.0.0.1:10057", **denied("accept")) as exporter:
        poll("it listens", lambda: exporter.lines("msg=Serving"))
        with socket.create_connection(("127.0.0.1", 10057)):
            poll("it says so", lambda: exporter.lines("No connection can be accepted", "level=ERROR"))
            poll("no thread is always busy", lambda: rests(exporter), 30)


def test_without_prlimit64_it_starts_and_does_not_claim_a_limit_of_files(tmp_path):
    with Exporter.started(tmp_path, **denied("prlimit64", "getrlimit", "setrlimit")) as exporter:
        poll("there is a page", lambda: exporter.get("/-/ready").status == 200)
        text = exporter.get().text
        assert "process_open_fds" in text
        assert "process_max_fds" not in text
        assert not exporter.lines("level=ERROR")


def test_a_folder_that_cannot_be_listed_is_no_empty_folder(tmp_path):
    with Exporter.started(tmp_path, **denied("getdents64")) as exporter:
        poll("there is a page", lambda: exporter.get("/-/ready").status == 200)
        text = exporter.get().text
        assert 'timewait_sampler_success{collector="process"} 0' in text
        assert "process_open_fds" not in text
        assert exporter.lines("collector=process", "/proc/self/fd: readdir: Operation not permitted")


def test_without_readlink_it_reads_the_kernels_own_procfs_as_such(tmp_path):
    with Exporter.started(tmp_path, **denied("readlink")) as exporter:
        poll("there is a page", lambda: exporter.get("/-/ready").status == 200)
        assert exporter.lines("Reading the socket table", "source=sock_diag")


def test_without_getsockname_the_log_has_the_address_that_was_asked_for(tmp_path):
    with Exporter.started(tmp_path, serves=False, listen="127.0.0.1:10057", **denied("getsockname")) as exporter:
        poll("it serves", lambda: exporter.lines("msg=Serving", "address=127.0.0.1:10057"))


def test_the_watched_diagnosis_does_not_read_busily_without_rt_sigtimedwait(tmp_path):
    """It reads each second at most, whatever the wait for a signal answers."""
    command = [*denied("rt_sigtimedwait")["wrapper"], BINARY, "diagnose", "--watch", "--interval=1s"]
    with open(tmp_path / "out", "w") as out:
        process = subprocess.Popen([str(word) for word in command], stdout=out, stderr=out)
        try:
            watched = Exporter(process, tmp_path / "out")
            poll("it has begun", lambda: watched.log())
            poll("it rests between two readings", lambda: rests(watched), 60)
        finally:
            process.terminate()
            process.wait()
