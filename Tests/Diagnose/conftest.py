"""What the tests of `timewait_exporter diagnose` share. .ci/run-python-tests gives them namespaces
of their own."""

import os
import pathlib
import shutil
import tempfile

import pytest

from diagnosis import Machine, is_root_of_the_machine
from exporter import BINARY


def pytest_sessionstart(session):
    interfaces = pathlib.Path("/proc/net/dev").read_text().splitlines()[2:]
    if [line.split(":")[0].strip() for line in interfaces] != ["lo"]:
        pytest.exit("These tests want a network namespace of their own: run .ci/run-python-tests Diagnose", 1)


def pytest_terminal_summary(terminalreporter):
    # What cannot run here is named, with its reason.
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        terminalreporter.write_line(f"Left out: {report.nodeid}: {reason}")


@pytest.fixture
def new_machine():
    """Makes machines, which end with the test."""
    machines = []

    def make(**sysctls):
        machines.append(Machine(sysctls))
        return machines[-1]

    yield make
    for machine in machines:
        machine.end()


@pytest.fixture
def machine(new_machine):
    return new_machine()


@pytest.fixture(scope="session")
def binary_of_all():
    """The program where every user may run it. What pytest makes folders in is for its own user
    only."""
    if not is_root_of_the_machine():
        pytest.skip("another user takes root, and here is only a user namespace with one user")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        copy = pathlib.Path(folder, "timewait_exporter")
        shutil.copy(BINARY, copy)
        copy.chmod(0o755)
        yield copy
