"""The demo in its short form, from start to end, and that it leaves nothing behind."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import urllib.request
import uuid

import pytest

from exporter import BINARY, ROOT, poll
from prometheus import Prometheus, get

DEMO = ROOT / ".ci" / "run-demo"
SCRATCH = ROOT / ".build" / "demo"
# What it says once everything runs that it starts in act 1.
PROBING = "TIME_WAIT:LISTEN passes 10"


class Demo:
    """A run of the demo, whose processes all have a mark in their environment."""

    def __init__(self, folder, *flags, wrapper=()):
        self.mark = f"TIMEWAIT_DEMO={uuid.uuid4()}"
        self.folder = folder
        self.log = folder / "demo.log"
        temporary = folder / "temporary"
        temporary.mkdir()
        name, value = self.mark.split("=")
        command = [*wrapper, DEMO, *flags]
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "EXPORTER": str(BINARY), "TMPDIR": str(temporary), name: value},
                # As a shell with job control starts it.
                process_group=0,
            )

    def said(self):
        return self.log.read_text()

    def wait_for(self, text, seconds=120):
        def is_said():
            assert self.process.poll() is None, self.said()
            return re.search(text, self.said())

        return poll(f"the demo says {text!r}", is_said, seconds)

    def processes(self):
        """The processes of the demo, wherever they run."""
        found = {}
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if self.mark.encode() in (folder / "environ").read_bytes():
                    found[int(folder.name)] = (folder / "comm").read_text().strip()
        return found

    def left(self):
        """What is left of it."""
        files = [path for place in (SCRATCH, self.folder / "temporary") for path in place.glob("*")]
        mounts = [line for line in pathlib.Path("/proc/self/mounts").read_text().splitlines() if str(SCRATCH) in line]
        return [*self.processes().items(), *files, *mounts]

    def end(self):
        self.process.kill()
        self.process.wait(20)


@pytest.fixture
def start(tmp_path):
    demos = []

    def make(*flags, **options):
        demos.append(Demo(tmp_path, *flags, **options))
        return demos[-1]

    yield make
    for demo in demos:
        demo.end()


def test_the_short_form_plays_all_four_acts_and_shows_prometheus_until_it_is_interrupted(start, tmp_path):
    demo = start("--short", "--keep", f"--figures={tmp_path}/figures.json")
    demo.wait_for("they run until you press Ctrl-C", 300)
    print(demo.said())
    figures = json.loads((tmp_path / "figures.json").read_text())
    first, second, third, fourth = [figures[f"act_{number}"] for number in range(1, 5)]
    # The demo itself ends with status 1 where the story does not come true.
    assert first["per_listener"] > 10
    assert first["dialed_ports"] >= figures["services"] == 20
    assert second["seconds_to_below_1"] > 55 and second["time_wait"] < second["listen"]
    assert third["restarts_before"][0] < third["restarts_before"][1] and third["restarts_after"] == [50, 50]
    assert fourth["bind_compared"] > 0 and 0 < fourth["bind_compared_refused"] < fourth["bind_compared"]
    wanted = {"TimeWaitManyPerListener", "TimeWaitLocalProber", "TimeWaitServicePortTaken", "TimeWaitServicePortBlocked"}
    assert wanted <= set(figures["alerts"])
    # What it leaves to look at is reached from outside of its namespaces.
    ports = dict(re.findall(r"(\w+): http://127\.0\.0\.1:(\d+)/", demo.said()))
    prometheus = Prometheus(int(ports["Prometheus"]))
    assert [value for _, value in prometheus.instant("up")] == [1]
    assert {rule["health"] for rule in prometheus.rules()} == {"ok"}
    assert "timewait_sockets" in urllib.request.urlopen(f"http://127.0.0.1:{ports['exporter']}/metrics").read().decode()
    assert get(f"http://127.0.0.1:{ports['Alertmanager']}/api/v2/status")["versionInfo"]["version"]
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(60) == 128 + signal.SIGINT
    assert demo.left() == []


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_an_interrupted_demo_leaves_nothing_behind(start, name):
    demo = start("--short")
    demo.wait_for(PROBING)
    assert {"naive_prober", "prometheus", "payments"} <= set(demo.processes().values())
    demo.process.send_signal(getattr(signal, name))
    status = demo.process.wait(60)
    if name != "SIGKILL":
        assert status == 128 + getattr(signal, name)
        # It has waited for the end of all others.
        assert demo.left() == []
    poll("nothing is left", lambda: demo.left() == [], 20)


def test_a_demo_ends_with_the_program_that_started_it(start):
    demo = start("--short", wrapper=["sh", "-c", '"$@"; exit $?', "sh"])
    demo.wait_for(PROBING)
    demo.process.kill()
    poll("nothing is left", lambda: demo.left() == [], 20)
