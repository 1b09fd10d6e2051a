"""What the tests of faults share. .ci/run-python-tests gives them namespaces of their own, and runs
the files side by side, because they wait more than they compute."""

import os
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# What deploy/build-static makes, for the package and by itself.
PACKAGED = [ROOT / ".build/deb/tree/debian/build/timewait_exporter", ROOT / ".build/static/timewait_exporter"]


def pytest_configure(config):
    found = [path for path in PACKAGED if path.exists()]
    if "EXPORTER" not in os.environ and not found:
        pytest.exit("These tests want the packaged program: run make deb, or name another one by EXPORTER=", 1)
    # Before the modules that start it are imported.
    os.environ.setdefault("EXPORTER", str(found[0] if found else ""))


def pytest_sessionstart(session):
    interfaces = pathlib.Path("/proc/net/dev").read_text().splitlines()[2:]
    if [line.split(":")[0].strip() for line in interfaces] != ["lo"]:
        pytest.exit("These tests want a network namespace of their own: run .ci/run-python-tests Faults", 1)


@pytest.fixture
def new_scene(tmp_path):
    """Makes scenes, which end with the test."""
    from scene import Scene

    scenes = []

    def make(*flags, **options):
        scenes.append(Scene(tmp_path, *flags, **options))
        return scenes[-1]

    yield make
    for scene in scenes:
        scene.end()
