"""Readings that come in pieces, are cut, or never end. (Readings that hang or take long:
Tests/Web/test_budgets.py and test_stale.py.)"""

import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import subprocess
import threading
import time

import pytest

from exporter import poll
from manager import blocking_procfs, open_up
from scene import Scene, errors, last_success, success

# Swift's toolchain has the other.
COMPILER = shutil.which("cc") or "clang"

# read() of a file of /proc gives a few bytes, as many as it was asked for. Not of a sysctl, which
# the kernel gives whole in one read() or never.
SHORT_READS = """
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <unistd.h>
    ssize_t read(int file, void *bytes, size_t count) {
        ssize_t (*next)(int, void *, size_t) = (ssize_t (*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
        char link[64], path[256] = "";
        snprintf(link, sizeof link, "/proc/self/fd/%d", file);
        ssize_t length = readlink(link, path, sizeof path - 1);
        int is_short = length > 0 && !strncmp(path, "/proc/", 6) && strncmp(path, "/proc/sys/", 10);
        size_t most = 1 + random() % 40;
        return next(file, bytes, is_short && count > most ? most : count);
    }
"""


@pytest.fixture(scope="session")
def short_reads(tmp_path_factory):
    folder = tmp_path_factory.mktemp("preload")
    (folder / "short.c").write_text(SHORT_READS)
    subprocess.run([COMPILER, "-shared", "-fPIC", "-o", folder / "short.so", folder / "short.c", "-ldl"], check=True)
    return {"env": {**os.environ, "LD_PRELOAD": str(folder / "short.so")}}


def test_files_that_come_in_pieces_are_read_whole(new_scene, short_reads):
    scene = new_scene(**short_reads)
    scene.await_recovery()
    assert not scene.lines("level=ERROR")
    scene.stop()


def test_a_socket_table_that_comes_in_pieces_is_absent_and_not_empty(new_scene, short_reads):
    """Its end is a read() that gives less than a page:
    Sources/KernelReaders/ProcSocketTable.swift."""
    scene = new_scene("--sampler.source=procfs", **short_reads)
    page = scene.await_page("it has failed twice", lambda page: (errors(page, "socket_table", "malformed") or 0) >= 2)
    assert success(page, "socket_table") == 0
    for name in ("timewait_table_sockets", "timewait_sockets", "timewait_port_sockets", "timewait_listening_ports"):
        assert page.all(name) == []
    assert scene.lines("level=ERROR", "collector=socket_table", "does not start with the header")
    scene.stop()


PAGE = 4096
MIB = 1 << 20


class Endless:
    """Writes a text into a named pipe for ever, after a head, for each who reads it; as the kernel
    does, a page at a time."""

    def __init__(self, path, head, text, pause):
        self.pause = pause
        self.path = str(path)
        self.head = head.encode()
        self.text = text.encode()
        self.ended = False
        self.thread = threading.Thread(target=self.run)

    def run(self):
        # The real file, which takes its place one day, cannot be opened like that.
        with contextlib.suppress(PermissionError):
            while not self.ended:
                with open(self.path, "wb", buffering=0) as pipe:
                    self.fill(pipe)

    def fill(self, pipe):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PAGE)
        rest = self.head
        with contextlib.suppress(BrokenPipeError):
            while not self.ended:
                while len(rest) < PAGE:
                    rest += self.text
                pipe.write(rest[:PAGE])
                rest = rest[PAGE:]
                time.sleep(self.pause)
            # Cut, so that it cannot be taken for whole.
            pipe.write(rest.rpartition(b"\n")[0] + b"\n0: 01")

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        """Its reader finds the end; nobody reads it from then on, since open_up() has renamed
        it."""
        self.ended = True
        with contextlib.suppress(OSError):
            os.close(os.open(self.path + ".old", os.O_RDONLY | os.O_NONBLOCK))
        self.thread.join(20)


HEADER = "sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
HEAD = {"tcp": f"  {HEADER}\n", "udp": f"   {HEADER} ref pointer drops\n", "sockstat": "sockets: used 9\n"}
HEAD["fib_trie"] = "Local:\n"
ROW = "0: 0100007F:{:04X} 0100007F:1F90 06 00000000:00000000 03:000012C0 00000000     0        0 0 3 0000000000000000\n"
ROWS = "".join(ROW.format(10_000 + number) for number in range(35))
ROUTE = "     |-- 10.{}.{}.1\n        /32 host LOCAL\n"
ROUTES = "".join(ROUTE.format(number >> 8, number & 255) for number in range(1, 4000, 7))
TEXT = {"fib_trie": ROUTES, "tcp": ROWS, "udp": ROWS, "sockstat": "UDP: inuse 3 mem 0\n" * 200}
FAMILIES = {
    "tcp": ["timewait_sockets", "timewait_table_sockets", "timewait_listening_ports"],
    "udp": ["timewait_udp_ephemeral_ports_used"],
    "sockstat": ["timewait_buckets"],
    "fib_trie": ["timewait_sockets", "timewait_port_sockets"],
}
COLLECTORS = {"fib_trie": "local_addresses", "tcp": "socket_table", "udp": "udp", "sockstat": "sockstat"}


def peak_memory(scene):
    status = pathlib.Path(f"/proc/{scene.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) << 10


@pytest.mark.parametrize("name", ["tcp", "udp", "sockstat", "fib_trie"])
def test_a_file_that_never_ends_is_absent_and_takes_no_memory(tmp_path, name):
    procfs = blocking_procfs(tmp_path, name)
    collector = COLLECTORS[name]
    # The first reading of the table is given up after 10 s, and the next one would be after 60 s:
    # no other is given up before the file is the real one.
    scene = Scene(tmp_path, f"--path.procfs={procfs}", "--sampler.interval=15s", serves=False)
    try:
        # What is read aside has no end, but a price: the next reading comes after a hundred times
        # the CPU time of this one.
        with Endless(procfs / "net" / name, HEAD[name], TEXT[name], pause=0.02 if name == "udp" else 0):
            poll("it is ready", scene.is_ready, 60)
            page = scene.await_page("it has failed", lambda page: success(page, collector) == 0)
            assert not any(page.all(family) for family in FAMILIES[name])
            later = scene.await_reading(page, 2, "process")
            assert last_success(later, collector) is None
            assert peak_memory(scene) < 100 * MIB
            open_up(procfs, name)
        # Addresses have taken a whole core for seconds: they are read again after minutes.
        if name != "fib_trie":
            scene.await_recovery("procfs")
        scene.stop()
    finally:
        scene.end()
