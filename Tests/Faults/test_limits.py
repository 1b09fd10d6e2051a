"""Limits of resources, at the start and while it runs. (Connections beyond RLIMIT_NOFILE:
Tests/Web/test_limits.py; 700,000 sockets in a control group of 24 MiB:
Tests/Web/test_memory.py.)"""

import pathlib
import re
import resource
import signal
import subprocess
import time

import pytest

from control_group import Group
from exporter import poll
from manager import blocking_procfs, hang, open_up
from scene import PORT, Scene, errors, last_success, success

MIB = 1 << 20


def at_the_start(new_scene, *wrapper):
    """A scene whose exporter serves, and has been stopped, or has ended by itself."""
    scene = new_scene(wrapper=wrapper, serves=False)
    poll("it is ready or ends", lambda: scene.process.poll() is not None or scene.ask("/-/ready")[0] == 200, 60)
    if scene.process.poll() is None:
        scene.await_page("everything is read", scene.is_whole)
        scene.stop()
    return scene


def check_clear_end(scene):
    """It has a status of its own, or the loader's, and said one line, as an error that is no entry
    of a log."""
    assert scene.process.returncode in (1, 127), scene.log()
    assert scene.log().count("\n") == 1, scene.log()


SIZES = {"as": range(32, 80, 2), "data": range(4, 40, 2)}


@pytest.mark.parametrize("name", SIZES)
def test_with_too_little_memory_at_the_start_it_says_so_in_one_line_or_serves(new_scene, name):
    """Each size from one at which it cannot start to three at which it does. Below the first one
    the kernel cannot even start a program."""
    served = []
    for size in SIZES[name]:
        scene = at_the_start(new_scene, "prlimit", f"--{name}={size * MIB}:{size * MIB}")
        served.append(scene.process.returncode == 0)
        if served[-3:] == [True] * 3:
            break
        if not served[-1]:
            check_clear_end(scene)
    assert served[0] is False
    assert served[-3:] == [True] * 3
    print(f"RLIMIT_{name.upper()}: serves with {SIZES[name][len(served) - 3]} MiB")


def test_when_the_memory_is_used_up_later_it_ends_with_a_line_that_says_so_or_goes_on(new_scene):
    """Swift's runtime ends a program that cannot allocate: SIGABRT, a line, and a stack trace."""
    scene = new_scene()
    scene.await_page("everything is read", scene.is_whole)
    status = pathlib.Path(f"/proc/{scene.pid}/status").read_text()
    held = int(re.search(r"VmData:\s+(\d+) kB", status)[1]) << 10
    _, most = resource.prlimit(scene.pid, resource.RLIMIT_DATA)
    resource.prlimit(scene.pid, resource.RLIMIT_DATA, (held, most))
    end = time.monotonic() + 5
    while time.monotonic() < end and scene.process.poll() is None:
        scene.ask("/api/v1/diagnosis")
        scene.ask("/metrics")
    if scene.process.poll() is None:
        resource.prlimit(scene.pid, resource.RLIMIT_DATA, (most, most))
        scene.await_recovery()
        scene.stop()
    else:
        assert scene.process.returncode == -signal.SIGABRT
        said = [line for line in scene.log().splitlines() if "level=" not in line]
        assert re.match(r"Fatal error: failed to allocate \d+ bytes of memory", said[0]), scene.log()


def test_without_a_descriptor_left_what_cannot_be_read_is_absent_and_comes_back(new_scene):
    scene = new_scene()
    before = scene.await_page("everything is read", scene.is_whole)
    _, most = resource.prlimit(scene.pid, resource.RLIMIT_NOFILE)
    # Of the connection that is kept, and of sock_diag, which is open.
    resource.prlimit(scene.pid, resource.RLIMIT_NOFILE, (3, most))
    names = ["ephemeral_range", "sysctl", "sockstat", "netstat", "process"]
    page = scene.await_page("no file is read", lambda page: all(success(page, name) == 0 for name in names))
    assert success(page, "socket_table") == 1
    assert page.all("timewait_buckets") == []
    later = scene.await_reading(page, 2)
    assert last_success(later, "sockstat") == last_success(page, "sockstat") >= last_success(before, "sockstat")
    resource.prlimit(scene.pid, resource.RLIMIT_NOFILE, (most, most))
    scene.await_recovery()
    scene.stop()


NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def test_at_the_limit_of_threads_of_its_user_it_does_not_start_and_says_so(new_scene):
    """RLIMIT_NPROC binds every user but root."""
    for most in range(1, 12):
        scene = at_the_start(new_scene, *NOBODY, "prlimit", f"--nproc={most}:{most}")
        if scene.process.returncode == 0:
            break
        check_clear_end(scene)
        assert "thread" in scene.log()
    assert 2 < most < 11
    print(f"RLIMIT_NPROC: serves with {most}")


def test_without_a_thread_left_it_reads_on_one(new_scene):
    scene = new_scene(wrapper=NOBODY)
    scene.await_page("everything is read", scene.is_whole)
    # Who may lower the limit of a process of another user needs a privilege of its own.
    subprocess.run([*NOBODY, "prlimit", f"--pid={scene.pid}", "--nproc=1:"], check=True)
    before = scene.look()
    for collector in ("local_addresses", "udp"):
        scene.await_reading(before, 3, collector)
    # Pages that are made on demand have a thread of their own.
    status, text = scene.ask("/api/v1/diagnosis")
    assert status in (200, 503), text
    scene.await_recovery()
    scene.stop()


def test_without_a_thread_left_a_file_that_hangs_holds_up_neither_the_page_nor_the_stop(tmp_path):
    procfs = blocking_procfs(tmp_path, "sockstat")
    open_up(procfs, "sockstat")
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    scene = Scene(tmp_path, f"--path.procfs={procfs}", wrapper=NOBODY)
    try:
        before = scene.await_page("sockstat is read", lambda page: success(page, "sockstat") == 1)
        subprocess.run([*NOBODY, "prlimit", f"--pid={scene.pid}", "--nproc=1:"], check=True)
        hang(procfs, "sockstat")
        page = scene.await_page("no other is read", lambda page: errors(page, "netstat", "read_failed"))
        assert success(page, "sockstat") == 0
        assert last_success(page, "netstat") >= last_success(before, "netstat")
        assert scene.lines("level=ERROR", "collector=netstat", "pthread_create: Resource temporarily unavailable")
        scene.stop(seconds=2)
    finally:
        scene.end()


CROWD = """
crowd = [http.client.HTTPConnection("127.0.0.1", port, timeout=60) for _ in range(100)]
for client in crowd:
    client.request("GET", path)
answers = [client.getresponse() for client in crowd]
result = [answer.status for answer in answers if answer.read()]
for client in crowd:
    client.close()
"""


@pytest.fixture
def group(request):
    made = Group(f"timewait-faults-{time.monotonic_ns()}", request.param)
    yield made
    made.remove()


@pytest.mark.parametrize("group", [24 * MIB], indirect=True)
def test_in_a_control_group_of_24_MiB_it_serves_a_crowd(group, new_scene):
    scene = new_scene(wrapper=group.wrapper)
    for path in ("/metrics", "/api/v1/diagnosis", "/"):
        statuses = scene.host.do(CROWD, path=path, port=PORT)
        assert statuses.count(200) == len(statuses) == 100, statuses
    scene.await_recovery()
    scene.stop()


@pytest.mark.parametrize("group", [3 * MIB], indirect=True)
def test_in_a_control_group_that_is_too_small_it_says_so_or_the_kernel_ends_it(group, new_scene):
    scene = new_scene(wrapper=group.wrapper, serves=False)
    # SIGKILL is what systemd reports as oom-kill: memory that is not the program's own counts too.
    if scene.process.wait(60) != -signal.SIGKILL:
        check_clear_end(scene)
        assert group.limit.name in scene.log()
