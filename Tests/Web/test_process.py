"""Whatever hangs, the process ends in time; the log holds up nothing; closed standard streams do no
harm."""

import contextlib
import fcntl
import itertools
import json
import os
import re
import signal
import subprocess
import time

import pytest

from client import Client
from exporter import BINARY, Exporter, poll
from manager import blocking_procfs, held

pytestmark = pytest.mark.waits

ADDRESS = ("127.0.0.1", 10057)


@contextlib.contextmanager
def hung_reading(tmp_path, *flags, **options):
    """An exporter whose readings go well at first and whose main thread hangs now, and what lets it
    go on."""
    with Exporter.started(tmp_path, *flags, **options) as exporter:
        assert exporter.get().status == 200
        with held(exporter.pid) as release:
            time.sleep(1.5)
            yield exporter, release


@contextlib.contextmanager
def full_pipe(*flags):
    """An exporter whose standard error is a pipe that nobody reads: its process and the pipe's
    other end."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"\n" * 4096)
    # The exporter finds it as a supervisor passes it.
    os.set_blocking(writing, True)
    command = [BINARY, "--web.listen-address={}:{}".format(*ADDRESS), *flags]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=writing)
    os.close(writing)
    try:
        poll("it answers", lambda: answers("/-/ready"))
        yield process, reading
    finally:
        process.kill()
        process.wait()
        os.close(reading)


def answers(path):
    with contextlib.suppress(ConnectionRefusedError), Client(ADDRESS) as client:
        return client.ask(path).status == 200


def seconds_to_end(process, status):
    begin = time.monotonic()
    assert process.wait(15) == status
    return time.monotonic() - begin


# Ending.


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_while_a_reading_hangs_and_says_what_hung(tmp_path, number):
    with hung_reading(tmp_path) as (exporter, _):
        exporter.status_at_end = 1
        exporter.signal(number)
        assert 4 < seconds_to_end(exporter.process, 1) < 5.2
        (line,) = exporter.lines("Ending without an orderly stop")
        assert 'work="reading the kernel\'s tables"' in line
        assert re.search(r"work_seconds=[567]\b", line)
        assert exporter.lines("msg=Stopping")


def test_it_ends_while_the_first_reading_hangs(tmp_path):
    folder = blocking_procfs(tmp_path, "tcp")
    with Exporter.started(tmp_path, f"--path.procfs={folder}") as exporter:
        exporter.signal(signal.SIGTERM)
        assert seconds_to_end(exporter.process, 0) < 2


def test_it_ends_while_it_waits_for_its_configuration(tmp_path):
    """It has not even begun to serve."""
    pipe = tmp_path / "web.yml"
    os.mkfifo(pipe)
    with Exporter.started(tmp_path, config=pipe, serves=False) as exporter:
        time.sleep(0.5)
        if exporter.process.poll() is None:
            exporter.signal(signal.SIGTERM)
            exporter.status_at_end = 1
            assert seconds_to_end(exporter.process, 1) < 5.2
        else:
            # Where it does not wait for one, it says why it cannot use it.
            exporter.status_at_end = 1
            assert "--web.config.file" in exporter.log()


def test_it_ends_well_where_the_reading_goes_on_in_time(tmp_path):
    with hung_reading(tmp_path) as (exporter, release):
        exporter.signal(signal.SIGTERM)
        time.sleep(2)
        assert exporter.process.poll() is None
        release()
        assert seconds_to_end(exporter.process, 0) < 1
        assert not exporter.lines("Ending without")


def test_it_ends_at_once_between_two_readings(tmp_path):
    with Exporter.started(tmp_path) as exporter:
        assert exporter.get().status == 200
        exporter.signal(signal.SIGTERM)
        assert seconds_to_end(exporter.process, 0) < 0.5


@pytest.mark.parametrize("level", ["info", "debug"])
def test_it_ends_while_standard_error_is_a_full_pipe(level):
    with full_pipe(f"--log.level={level}") as (process, _):
        process.send_signal(signal.SIGTERM)
        assert seconds_to_end(process, 0) < 2


def test_it_ends_while_a_reading_hangs_and_standard_error_is_a_full_pipe(tmp_path):
    with full_pipe() as (process, _), held(process.pid):
        time.sleep(1.5)
        process.send_signal(signal.SIGTERM)
        assert seconds_to_end(process, 1) < 5.2


# The log.


def test_scrapes_are_answered_while_nobody_takes_the_log_and_lost_lines_are_counted():
    asked = 6000
    with full_pipe("--log.level=debug") as (process, reading):
        with Client(ADDRESS) as client:
            for number in range(asked):
                begin = time.monotonic()
                assert client.ask(f"/{number}").status == 404
                assert time.monotonic() - begin < 2
        text = b""
        os.set_blocking(reading, False)

        def counted():
            nonlocal text
            with contextlib.suppress(BlockingIOError):
                while piece := os.read(reading, 1 << 20):
                    text += piece
            return b"were lost" in text

        poll("the loss is told", counted)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        counted()
    lines = text.decode().splitlines()
    told = [int(number) for number in re.findall(r"Log lines were lost.* lines=(\d+)", text.decode())]
    assert 0 < len(told) < 5
    seen = sum(bool(re.search(r"msg=Request.* path=/\d+ ", line)) for line in lines)
    # Each request is a line, and what else may be lost are a few of other kinds.
    assert asked <= seen + sum(told) < asked + 20
    assert seen > 500
    assert "msg=Stopping" in lines[-1]


def test_lines_that_could_not_be_written_are_counted_and_logged_with_the_next_one(tmp_path):
    """Whoever read standard error, a named pipe, has gone and comes back. Meanwhile there are more
    lines than the queue holds."""
    asked = 4000
    path = tmp_path / "log"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with open(path, "wb") as writing:
        command = [BINARY, "--web.listen-address={}:{}".format(*ADDRESS), "--log.level=debug"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=writing)
    try:
        poll("it answers", lambda: answers("/-/ready"))
        os.close(reading)
        with Client(ADDRESS) as client:
            for number in range(asked):
                assert client.ask(f"/{number}").status == 404

            def lost():
                return int(re.search(r"^timewait_exporter_log_lines_lost_total (\d+)$", client.ask().text, re.MULTILINE)[1])

            poll("they are counted", lambda: lost() >= asked)
            reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            client.ask("/told")
            time.sleep(1.2)
            told = int(re.search(rb"Log lines were lost.* lines=(\d+)", os.read(reading, 65536))[1])
            assert told >= asked
            # The page is rendered each second.
            poll("the page counts them too", lambda: lost() >= told)
    finally:
        process.kill()
        process.wait()
        os.close(reading)


HIDDEN = {
    "\x1b": "\\u001b",
    "\x7f": "\\u007f",
    "\x85": "\\u0085",
    "\x9b": "\\u009b",
    "\u2028": "\\u2028",
    "\u202e": "\\u202e",
    "\u200b": "\\u200b",
    "\ufeff": "\\ufeff",
    "\U000e0041": "\\udb40\\udc41",
}


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_nothing_that_a_terminal_obeys_gets_into_the_log(tmp_path, form):
    with Exporter.started(
        tmp_path, "--log.level=debug", f"--log.format={form}", serves=False, listen="127.0.0.1:10057"
    ) as exporter:
        poll("it answers", lambda: answers("/-/healthy"))
        path = "/a" + "b".join(HIDDEN) + 'ü€"\\'
        quoted = "".join(f"%{byte:02X}" for byte in path.encode())
        with Client(ADDRESS) as client:
            client.ask(quoted)
        lines = poll("it is logged", lambda: exporter.lines("ü€"))
        (line,) = lines
        assert not any(scalar in line for scalar in HIDDEN)
        for escaped in HIDDEN.values():
            assert escaped in line
        if form == "json":
            assert json.loads(line)["path"] == path
        else:
            assert json.loads(re.search(r'path=("(?:[^"\\]|\\.)*")', line)[1]) == path


def test_a_long_value_is_cut(tmp_path):
    with Exporter.started(tmp_path, "--log.level=debug") as exporter:
        exporter.get("/" + "x" * 20_000)
        (line,) = poll("it is logged", lambda: exporter.lines("xxx"))
        assert "x" * 1023 + '…"' in line
        assert len(line) < 1400


def test_an_error_is_a_bounded_line():
    value = "a\u202e\x85" + "y" * 100_000
    ended = subprocess.run([BINARY, f"--sampler.interval={value}"], capture_output=True, text=True)
    assert ended.returncode == 64
    assert ended.stderr.startswith("timewait_exporter: ")
    assert "a\\u202e\\u0085yyy" in ended.stderr
    assert "'--sampler.interval <duration>': expected a duration from 1s to 30s" in ended.stderr
    assert len(ended.stderr) < 2200


# SIGHUP.


def test_SIGHUP_is_no_reason_to_stop(tmp_path):
    with Exporter.started(tmp_path) as exporter:
        assert exporter.get().status == 200
        for _ in range(3):
            before = len(exporter.lines("Reloading the web configuration"))
            exporter.signal(signal.SIGHUP)
            poll("it reloads", lambda: len(exporter.lines("Reloading the web configuration")) > before, 1)
        assert exporter.get().status == 200


# Standard streams.

CLOSED = [which for count in range(4) for which in itertools.combinations((0, 1, 2), count)]


@pytest.mark.parametrize("closed", CLOSED, ids=lambda closed: "-".join(map(str, closed)) or "none")
def test_a_closed_stream_is_dev_null(tmp_path, closed):
    closing = " ".join(f"{number}{'<' if number == 0 else '>'}&-" for number in closed)
    wrapper = ["sh", "-c", f'exec "$@" {closing}', "sh"]
    with Exporter.started(tmp_path, wrapper=wrapper, serves=False, listen="127.0.0.1:10057") as exporter:
        poll("it answers", lambda: answers("/metrics"))
        for number in closed:
            assert os.readlink(f"/proc/{exporter.pid}/fd/{number}") == "/dev/null"
        others = {number: os.readlink(f"/proc/{exporter.pid}/fd/{number}") for number in range(3)}
        assert not any(target.startswith("socket:") for target in others.values())
        if 2 not in closed:
            assert "msg=Serving" in exporter.log()


def test_a_closed_stream_is_no_socket_without_dev_null(tmp_path):
    hide = 'mount -t tmpfs none /dev && exec "$@" 0<&- 2>&-'
    wrapper = ["unshare", "--mount", "sh", "-c", hide, "sh"]
    with Exporter.started(tmp_path, wrapper=wrapper, serves=False, listen="127.0.0.1:10057") as exporter:
        poll("it answers", lambda: answers("/metrics"))
        for number in (0, 2):
            assert os.readlink(f"/proc/{exporter.pid}/fd/{number}") == "/"
