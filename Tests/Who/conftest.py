"""What the tests of --who share. They need root, and a kernel and a container that allow
perf_event_open()."""

import contextlib
import os
import pathlib
import sys
import tempfile

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).parent.parent / folder) for folder in ("Conditions", "Web")]
from host import Host  # noqa: E402
from tracepoint import obstacle  # noqa: E402


def pytest_sessionstart(session):
    why = obstacle()
    if why is None:
        return
    # Said at the end, and a failure where everything has to be tried.
    pytest.exit(f"Left out: Tests/Who, because {why}.", 1 if os.environ.get("CI") == "true" else 0)


@pytest.fixture
def new_host():
    """Makes hosts, which end with the test."""
    hosts = []

    def make(**sysctls):
        hosts.append(Host(sysctls))
        return hosts[-1]

    yield make
    for host in hosts:
        host.end()


def unified_hierarchy():
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        words = line.split()
        if words[words.index("-") + 1] == "cgroup2":
            return pathlib.Path(words[4])
    return None


@pytest.fixture
def control_group():
    """Makes control groups in the unified hierarchy, which go with the test. They are within one
    with a name of its own, so that what a killed test left is in the way of no other."""
    parent = pathlib.Path(tempfile.mkdtemp(prefix="timewait-who-", dir=unified_hierarchy()))
    made = []

    @contextlib.contextmanager
    def make(name):
        folder = parent / name
        folder.mkdir()
        made.append(folder)
        yield folder

    yield make
    for folder in [*made, parent]:
        if folder.exists():
            folder.rmdir()
