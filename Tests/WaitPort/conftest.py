"""What the tests of `timewait_exporter wait-port` share. .ci/run-python-tests gives them namespaces
of their own, and each test makes hosts in namespaces of theirs."""

import pathlib

import pytest

from waiting import WaitingHost


def pytest_sessionstart(session):
    interfaces = pathlib.Path("/proc/net/dev").read_text().splitlines()[2:]
    if [line.split(":")[0].strip() for line in interfaces] != ["lo"]:
        pytest.exit("These tests want a network namespace of their own: run .ci/run-python-tests WaitPort", 1)
    # The hosts get socket tables of their own, which are small (Linux 6.1): dozens of programs walk
    # them at the same moment. Only namespaces that are made in this one are concerned.
    entries = pathlib.Path("/proc/sys/net/ipv4/tcp_child_ehash_entries")
    if entries.exists():
        entries.write_text("4096")


@pytest.fixture
def new_host():
    """Makes hosts, which end with the test."""
    hosts = []

    def make(**sysctls):
        hosts.append(WaitingHost({"ip_local_port_range": "50000 60999", **sysctls}))
        return hosts[-1]

    yield make
    for host in hosts:
        host.end()


@pytest.fixture
def host(new_host):
    return new_host()
