"""Where things are, and how a program is run."""

import pathlib
import re
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
PACKAGE = "prometheus-timewait-exporter"


def run(*command, status=0, **options):
    """What a program wrote to standard output; it has to end with the status."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    assert done.returncode == status, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def poll(what, condition, seconds=20):
    """Waits until the condition holds, and returns what it said."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.2)
    return found


def deb():
    """The package that deploy/build-deb built."""
    found = list((ROOT / ".build" / "deb").glob(f"{PACKAGE}_*.deb"))
    assert len(found) == 1, f"make deb builds it: {found}"
    return found[0]


def version():
    """The version that the program tells."""
    return re.search(r'version = "(.*)"', (ROOT / "Sources/Program/BuildInformation.swift").read_text())[1]
