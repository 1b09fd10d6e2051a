"""A limit of memory lowers the number of recognised sockets, so that hundreds of thousands of them
do not end the exporter."""

import os
import pathlib
import re
import subprocess

import pytest

from control_group import Group
from exporter import BINARY, Exporter, poll

GENERATOR = BINARY.parent / "timewait_generator"
# What the generator's clients send to its listeners must not get there:
# Tests/Benchmark/c/timewait_generator/main.c.
RULES = (
    "add table ip generator; add chain ip generator input { type filter hook input priority -300; }; "
    "add rule ip generator input ip saddr 127.1.0.0/16 ip daddr 127.0.0.1 tcp dport 8080-8087 drop"
)
# From 630,000 on the table of cookies takes 25 MiB while it grows.
SOCKETS = 700_000
LIMIT = "timewait_tracked_sockets_limit"


@pytest.fixture(scope="module")
def sockets_of_the_machine():
    """TIME_WAITs, which are kept."""
    subprocess.run(["nft", RULES], check=True)
    generator = subprocess.Popen([GENERATOR], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        generator.stdin.write(f"grow {SOCKETS}\n")
        generator.stdin.flush()
        assert generator.stdout.readline() == "ok\n"
        yield SOCKETS
    finally:
        generator.kill()
        generator.wait()
        subprocess.run(["nft", "delete table ip generator"], check=True)


@pytest.fixture
def group():
    made = Group(f"timewait-{os.getpid()}", 24 << 20)
    yield made
    made.remove()


def observed(exporter):
    """That they are read, what of it is not recognised, and what the limit is."""
    seen = 'timewait_table_sockets{family="ipv4",state="time_wait"}'
    poll("the table is read", lambda: (exporter.metric(seen) or 0) > 0.9 * SOCKETS, 120)
    read = 'timewait_sampler_last_success_timestamp_seconds{collector="socket_table"}'
    for _ in range(2):
        before = exporter.metric(read)
        poll("it is read again", lambda: exporter.metric(read) > before, 120)
    return exporter.metric(seen), exporter.metric("timewait_untracked_sockets"), exporter.metric(LIMIT)


def check(exporter, bytes_allowed):
    poll("there is a page", lambda: exporter.get("/-/ready").status == 200, 120)
    (line,) = exporter.lines("The memory limit allows fewer recognised sockets", "level=WARN")
    limit = int(re.search(r"sockets=(\d+)", line)[1])
    assert exporter.metric(LIMIT) == limit
    assert 1000 < limit < bytes_allowed / 16
    sockets, untracked, shown = observed(exporter)
    assert shown == limit
    # The numbers may be of two readings, and some sockets end or begin in between.
    assert untracked == pytest.approx(max(0, sockets - limit), abs=sockets / 100)


FLAGS = ["--sampler.interval=2s", "--sampler.source=sock_diag"]


def test_700_000_sockets_in_a_control_group_of_24_MiB_are_read_and_most_are_not_recognised(
    tmp_path, sockets_of_the_machine, group
):
    with Exporter.started(tmp_path, *FLAGS, wrapper=group.wrapper) as exporter:
        check(exporter, 24 << 20)


@pytest.mark.parametrize("name", ["RLIMIT_DATA", "RLIMIT_AS"])
def test_so_they_are_under_a_resource_limit(tmp_path, sockets_of_the_machine, name):
    # As much as the program takes with nothing to read, and 24 MiB more. How many arenas of 64 MiB
    # malloc makes would depend on when threads meet.
    one_arena = ["env", "MALLOC_ARENA_MAX=1"]
    with Exporter.started(tmp_path, "--path.procfs=/proc", "--sockets.limit=0", wrapper=one_arena) as exporter:
        poll("there is a page", lambda: exporter.get("/-/ready").status == 200, 60)
        status = pathlib.Path(f"/proc/{exporter.pid}/status").read_text()
    held = {"RLIMIT_DATA": "VmData", "RLIMIT_AS": "VmSize"}[name]
    limit = int(re.search(rf"{held}:\s+(\d+) kB", status)[1]) * 1024 + (24 << 20)
    wrapper = [*one_arena, "prlimit", f"--{name.removeprefix('RLIMIT_').lower()}={limit}:{limit}"]
    with Exporter.started(tmp_path, *FLAGS, wrapper=wrapper) as exporter:
        check(exporter, 48 << 20)


def test_without_a_limit_that_is_tighter_the_flag_counts(tmp_path):
    with Exporter.started(tmp_path, "--sockets.limit=1234") as exporter:
        poll("there is a page", lambda: exporter.get("/-/ready").status == 200, 60)
        assert exporter.metric(LIMIT) == 1234
        assert not exporter.lines("The memory limit allows")
