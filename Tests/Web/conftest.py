"""What all tests of the endpoint share. .ci/run-python-tests gives them a network namespace of
their own."""

import pathlib
import resource

import pytest

import certificates
from exporter import Exporter


def pytest_sessionstart(session):
    interfaces = pathlib.Path("/proc/net/dev").read_text().splitlines()[2:]
    if [line.split(":")[0].strip() for line in interfaces] != ["lo"]:
        pytest.exit("These tests want a network namespace of their own: run .ci/run-python-tests Web", 1)
    # Thousands of connections are open at once, on both ends.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@pytest.fixture(scope="session")
def plain(tmp_path_factory):
    """An exporter with nothing but defaults, for tests that change nothing."""
    with Exporter.started(tmp_path_factory.mktemp("plain")) as exporter:
        yield exporter


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """Who issues the certificates that are good."""
    return certificates.Authority(tmp_path_factory.mktemp("authority"), "Good CA")


@pytest.fixture(scope="session")
def server(authority):
    """The certificate of an exporter."""
    return authority.issue("localhost", "DNS:localhost", "IP:127.0.0.1")


@pytest.fixture
def config(tmp_path):
    """Writes a web configuration file, whole at once, and gives its path."""
    path = tmp_path / "web.yml"

    def write(text):
        new = path.with_suffix(".new")
        new.write_text(text)
        new.rename(path)
        return path

    return write
