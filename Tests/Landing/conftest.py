"""What the tests of the landing page share. .ci/run-python-tests gives them namespaces of their
own."""

import pathlib

import pytest

import browser


def pytest_sessionstart(session):
    interfaces = pathlib.Path("/proc/net/dev").read_text().splitlines()[2:]
    if [line.split(":")[0].strip() for line in interfaces] != ["lo"]:
        pytest.exit("These tests want a network namespace of their own: run .ci/run-python-tests Landing", 1)


@pytest.fixture(scope="session")
def chromium():
    """A browser in the namespace of the tests."""
    started = browser.Browser()
    yield started
    started.close()
