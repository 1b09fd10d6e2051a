"""What the tests of conditions share. .ci/run-python-tests gives them namespaces of their own."""

import pathlib

import pytest

from host import Host


def pytest_sessionstart(session):
    interfaces = pathlib.Path("/proc/net/dev").read_text().splitlines()[2:]
    if [line.split(":")[0].strip() for line in interfaces] != ["lo"]:
        pytest.exit("These tests want a network namespace of their own: run .ci/run-python-tests Conditions", 1)


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


@pytest.fixture
def host(new_host):
    return new_host()
