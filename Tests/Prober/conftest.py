"""What the tests of the prober share. .ci/run-python-tests gives them namespaces of their own."""

import pathlib

import pytest

from prober import Prober
from servers import Servers


def pytest_sessionstart(session):
    interfaces = pathlib.Path("/proc/net/dev").read_text().splitlines()[2:]
    if [line.split(":")[0].strip() for line in interfaces] != ["lo"]:
        pytest.exit("These tests want a network namespace of their own: run .ci/run-python-tests Prober", 1)


@pytest.fixture
def servers():
    """Starts servers, which end with the test."""
    servers = Servers()
    yield servers
    servers.end()


@pytest.fixture
def prober(tmp_path):
    """Starts probers, which have to end well with the test."""
    started = []

    def start(*flags, **options):
        started.append(Prober(tmp_path, *flags, **options))
        return started[-1]

    yield start
    for prober in started:
        prober.end()
