"""Programs of a test in the namespace of a host, and what the exporter says of them."""

import contextlib
import json
import pathlib
import subprocess
import sys
import time

from exporter import poll

HERE = pathlib.Path(__file__).parent


def inside(host, *command):
    return ["nsenter", f"--target={host.process.pid}", "--net", *[str(word) for word in command]]


@contextlib.contextmanager
def started(host, script, *arguments, group=None):
    """A program of this folder, in a control group if one is given."""
    command = inside(host, sys.executable, HERE / script, *arguments)
    if group:
        command = ["sh", "-c", 'echo $$ >"$0" && exec "$@"', str(group / "cgroup.procs"), *command]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


def answer(process):
    line = process.stdout.readline()
    assert line, "the program has failed"
    return json.loads(line)


def closes(page, process, **labels):
    return page.sum("timewait_closes_total", process=process, **labels)


def outcome(page, name):
    return page.get("timewait_who_events_total", outcome=name)


def settled(exporter, counted):
    """A page on which as many closes are counted, or no more come of those that are not lost; the
    last one read where that is not reached. Lost are closes of the whole machine."""
    page = None

    def is_there():
        nonlocal page
        before = page and outcome(page, "counted")
        page = exporter.fresh()
        now = outcome(page, "counted")
        return now >= counted or (now == before and now + outcome(page, "lost") >= counted)

    end = time.monotonic() + 30
    while not is_there() and time.monotonic() < end:
        pass
    return page


def is_tracing(exporter):
    """Waits until the baseline has been read, so that TIME_WAITs from now on are new."""
    poll("the exporter traces", lambda: exporter.page().get("timewait_sampler_success", collector="who") == 1, 30)
    return exporter.fresh()
