"""Says which worlds are tried. .ci/run-python-tests gives them namespaces of their own."""

import test_worlds


def pytest_report_header(config):
    return f"worlds: SEED={test_worlds.SEED} WORLDS={test_worlds.COUNT}"
