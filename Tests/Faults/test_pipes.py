"""Standard output and error are full or closed. (The exporter's own log, a full pipe and closed
streams, in each combination: Tests/Web/test_process.py; full disks: Tests/Diagnose/test_output.py,
Tests/EndToEndTests/ReserveTests.swift and MetricsCommandTests.swift.)"""

import os
import resource
import signal
import subprocess

import pytest

from exporter import BINARY

COMMANDS = {
    "metrics": ["metrics"],
    "diagnose": ["diagnose", "--json"],
    "reserve": ["reserve", "--ports=40005"],
    "help": ["--help"],
    "version": ["--version"],
}


def full_pipe():
    """A pipe that takes nothing more: its two ends."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"\n" * 4096)
    except BlockingIOError:
        pass
    os.set_blocking(writing, True)
    return reading, writing


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_with_unread_output_ends_with_a_status_and_at_most_one_line(name):
    """As in a pipe to head, which has ended."""
    reading, writing = os.pipe()
    os.close(reading)
    # Python ignores SIGPIPE, and would hand that on.
    command = [BINARY, *COMMANDS[name]]
    ended = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=30,
        restore_signals=True,
    )
    os.close(writing)
    assert ended.stderr.count("\n") <= 1, ended.stderr
    assert ended.returncode != 0
    assert ended.returncode in (1, 3, -signal.SIGPIPE), (ended.returncode, ended.stderr)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_waits_for_who_reads_a_full_pipe_and_loses_nothing(name):
    reading, writing = full_pipe()
    before = subprocess.run([BINARY, *COMMANDS[name]], stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
    process = subprocess.Popen(
        [BINARY, *COMMANDS[name]], stdin=subprocess.DEVNULL, stdout=writing, stderr=subprocess.DEVNULL
    )
    os.close(writing)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    said = b""
    while piece := os.read(reading, 65536):
        said += piece
    os.close(reading)
    assert process.wait(20) == before.returncode
    assert len(said.lstrip(b"\n")) == pytest.approx(len(before.stdout), rel=0.1)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_without_standard_output_ends_by_itself(name):
    command = ["sh", "-c", 'exec "$@" >&-', "sh", BINARY, *COMMANDS[name]]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=30)
    # What reserve says to its user is there too.
    assert ended.stderr.count("\n") <= 1 or name == "reserve", ended.stderr
    assert 0 <= ended.returncode < 64


def test_a_log_file_that_has_reached_its_limit_ends_nothing(new_scene):
    """RLIMIT_FSIZE: write(2) fails with EFBIG, and SIGXFSZ comes with it."""
    scene = new_scene("--log.level=debug", wrapper=["prlimit", "--fsize=2000:2000"])
    lost = scene.await_page("lines are lost", lambda page: page.get("timewait_exporter_log_lines_lost_total") > 5)
    later = scene.await_reading(lost, 2)
    assert scene.is_whole(later)
    assert len(scene.log()) <= 2000
    # There is room again.
    resource.prlimit(scene.pid, resource.RLIMIT_FSIZE, (2000, 2000))
    scene.stop()


def test_standard_error_and_output_that_are_one_full_pipe_hold_up_nothing(new_scene):
    reading, writing = full_pipe()
    scene = new_scene("--log.level=debug", stdout=writing, stderr=writing)
    os.close(writing)
    for _ in range(3):
        assert scene.ask("/nothing")[0] == 404
    scene.await_recovery()
    # Nobody will read it.
    os.close(reading)
    for _ in range(3):
        assert scene.ask("/nothing")[0] == 404
    page = scene.await_page("lines are lost", lambda page: page.get("timewait_exporter_log_lines_lost_total") > 0)
    assert scene.is_whole(page)
    scene.stop()
