"""The tests of the incident run in namespaces of their own, which .ci/run-python-tests makes."""

import pathlib

import pytest


def pytest_sessionstart(session):
    interfaces = pathlib.Path("/proc/net/dev").read_text().splitlines()[2:]
    if [line.split(":")[0].strip() for line in interfaces] != ["lo"]:
        pytest.exit("These tests want a network namespace of their own: run .ci/run-python-tests Incident", 1)
