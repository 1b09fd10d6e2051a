"""The rights that --who needs, and the line that names one that is missing."""

import contextlib
import errno
import os
import pathlib
import shutil
import subprocess
import time

import pytest

from denied import ALLOW, fail, filtered
from exporter import BINARY, poll
from host import Exporter
from programs import answer, closes, is_tracing, settled, started
from tracepoint import EVENT

UNPRIVILEGED = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all,+perfmon"]


def open_to_all(path):
    """Lets everybody read and run a file of a test's folder, and gives it."""
    for part in (path, *path.parents[:4]):
        if part != pathlib.Path("/tmp"):
            part.chmod(0o755)
    return path


@contextlib.contextmanager
def run(host, folder, wrapper, *flags, environment=()):
    """An exporter in the namespace of a host, with the rights that the wrapper leaves."""
    log = pathlib.Path(folder) / "exporter.log"
    # The repository may lie where only root may read.
    program = open_to_all(pathlib.Path(shutil.copy(BINARY, folder)))
    command = ["nsenter", f"--target={host.process.pid}", "--net", "env", *environment, *wrapper, program]
    command += ["--sampler.cpu-limit=100", "--sampler.interval=1s", "--web.listen-address=:10057", "--who", *flags]
    with open(log, "w") as file:
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stderr=file)
    exporter = Exporter(host, process, log, 10057)
    try:
        poll("the exporter is ready", exporter.is_ready, 30)
        yield exporter
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def credentials(tmp_path):
    """A folder of credentials with the format file, as systemd makes it, that everybody may
    read."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    shutil.copy(EVENT / "format", folder / "who")
    open_to_all(folder / "who")
    return folder


def test_cap_perfmon_and_the_credential_are_enough(new_host, tmp_path, credentials):
    host = new_host()
    wrapper = [*UNPRIVILEGED, "--inh-caps=+perfmon", "--ambient-caps=+perfmon"]
    with run(host, tmp_path, wrapper, environment=[f"CREDENTIALS_DIRECTORY={credentials}"]) as exporter:
        is_tracing(exporter)
        with started(host, "closer.py", "node-probe", 30, 1000) as program:
            answer(program)
        page = settled(exporter, 30)
        assert closes(page, "node-probe") == 30
        assert "ERROR" not in exporter.log()


def assert_refused(exporter, *texts):
    poll("the log says why", lambda: "collector=who" in exporter.log(), 20)
    line = next(line for line in exporter.log().splitlines() if "collector=who" in line)
    for text in texts:
        assert text in line
    page = exporter.fresh()
    assert page.get("timewait_sampler_success", collector="who") == 0
    assert page.all("timewait_who_events_total") == []
    # All else works.
    assert page.get("timewait_sampler_success", collector="socket_table") == 1
    time.sleep(1.5)
    assert exporter.log().count("collector=who") == 1


def test_without_cap_perfmon_the_log_names_it(new_host, tmp_path, credentials):
    with run(new_host(), tmp_path, UNPRIVILEGED, f"--who.format-file={credentials}/who") as exporter:
        assert_refused(exporter, "CAP_PERFMON is missing", "AmbientCapabilities=CAP_PERFMON")


def test_in_a_user_namespace_the_log_names_it(new_host, tmp_path):
    wrapper = ["unshare", "--user", "--map-root-user"]
    with run(new_host(), tmp_path, wrapper, f"--who.format-file={EVENT}/format") as exporter:
        assert_refused(exporter, "user namespace", "PrivateUsers=no")


def test_without_the_right_to_read_tracefs_the_log_names_the_credential(new_host, tmp_path):
    wrapper = [*UNPRIVILEGED, "--inh-caps=+perfmon", "--ambient-caps=+perfmon"]
    with run(new_host(), tmp_path, wrapper) as exporter:
        assert_refused(exporter, "Permission denied", f"LoadCredential=who:{EVENT}/format")


def test_without_tracefs_the_log_names_the_mount(new_host, tmp_path):
    wrapper = ["unshare", "--mount", "sh", "-c", 'umount /sys/kernel/tracing && exec "$0" "$@"']
    with run(new_host(), tmp_path, wrapper) as exporter:
        assert_refused(exporter, "tracefs is not mounted", "mount -t tracefs")


def test_a_credential_that_systemd_could_not_load_counts_as_absent(new_host, tmp_path, credentials):
    (credentials / "who").chmod(0o644)
    (credentials / "who").write_text("none")
    host = new_host()
    # As root it falls back to tracefs.
    with run(host, tmp_path, [], environment=[f"CREDENTIALS_DIRECTORY={credentials}"]) as exporter:
        is_tracing(exporter)


def test_a_file_that_is_no_format_file_is_named(new_host, tmp_path):
    (tmp_path / "format").write_text("nothing\n")
    with run(new_host(), tmp_path, [], f"--who.format-file={tmp_path}/format") as exporter:
        assert_refused(exporter, f"{tmp_path}/format", "expected the format file of a tracepoint")


@pytest.mark.parametrize("kind", ["FIFO", "folder", "device"])
def test_what_is_no_regular_file_is_refused_and_the_rest_is_read(new_host, tmp_path, kind):
    path = pathlib.Path("/dev/zero") if kind == "device" else tmp_path / "format"
    if kind == "FIFO":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    with run(new_host(), tmp_path, [], f"--who.format-file={path}") as exporter:
        assert_refused(exporter, f"{path}", "not a regular file")


@pytest.mark.parametrize("number", [999_999_999, None], ids=["no tracepoint", "another tracepoint"])
def test_the_format_file_of_another_kernel_is_named(new_host, tmp_path, number):
    if number is None:
        number = int((EVENT.parent.parent / "sched/sched_switch/id").read_text())
    text = (EVENT / "format").read_text()
    own = (EVENT / "id").read_text().strip()
    (tmp_path / "format").write_text(text.replace(f"ID: {own}\n", f"ID: {number}\n"))
    with run(new_host(), tmp_path, [], f"--who.format-file={tmp_path}/format") as exporter:
        assert_refused(exporter, "Invalid argument", f"{tmp_path}/format is not of this kernel")


def test_a_kernel_or_a_filter_that_has_no_perf_event_open_is_named(new_host, tmp_path):
    # Its number, of x86-64 and of all others.
    number = 298 if os.uname().machine == "x86_64" else 241
    wrapper = filtered((0x20, 0, 0, 0), (0x15, 0, 1, number), fail(errno.ENOSYS), ALLOW)
    with run(new_host(), tmp_path, wrapper) as exporter:
        assert_refused(exporter, "no perf events, or a filter", "SystemCallFilter=perf_event_open", "seccomp profile")
