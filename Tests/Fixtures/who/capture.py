"""Captures what the parsers of --who read: the format file of the tracepoint
sock:inet_sock_set_state, and the ring of a CPU as PerfRing sets it up. Run as root, in a mount
namespace of its own:

    unshare --mount --net python3 capture.py

It writes `format`, `ring`, and `truth.json`, which says what happened."""

import ctypes
import json
import mmap
import os
import pathlib
import socket
import struct
import subprocess
import time

HERE = pathlib.Path(__file__).parent
subprocess.run(["mount", "-t", "tracefs", "tracefs", "/sys/kernel/tracing"], check=True)
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
format_file = pathlib.Path("/sys/kernel/tracing/events/sock/inet_sock_set_state/format").read_text()
event_id = int(format_file.split("ID: ")[1].split()[0])
(HERE / "format").write_text(format_file)

libc = ctypes.CDLL(None, use_errno=True)
SIZE = 64 * 1024
SET_FILTER, SET_OUTPUT, ENABLE = 0x40082406, 0x2405, 0x2400
FILTER = (
    b"(newstate == 4 && oldstate != 4 && (protocol == 6 || protocol == 262))"
    b" || (oldstate == 2 && newstate == 7 && sport == 0)"
)
# Bits of perf_event_attr: disabled 0, comm 9, task 13, watermark 14, sample_id_all 18, use_clockid
# 25, namespaces 28, cgroup 32.
COMMON = 1 << 0 | 1 << 18 | 1 << 25
PROCESSES = 1 << 9 | 1 << 13 | 1 << 28 | 1 << 32


def event(kind, config, sample_type, bits):
    attributes = struct.pack("=IIQQQQQ", kind, 128, config, int(kind == 2), sample_type, 0, bits)
    # wakeup_events, bp_type; four numbers of 64 bits; sample_stack_user, clockid (CLOCK_MONOTONIC).
    attributes += struct.pack("=II4Q", 0, 0, 0, 0, 0, 0) + struct.pack("=Ii", 0, 1)
    attributes = attributes.ljust(128, b"\0")
    number = libc.syscall(298, attributes, -1, 0, -1, 8)
    assert number >= 0, os.strerror(ctypes.get_errno())
    return number


def call(*arguments):
    assert libc.ioctl(*arguments) == 0, os.strerror(ctypes.get_errno())


os.sched_setaffinity(0, {0})
TID, TIME, RAW, CGROUP = 1 << 1, 1 << 2, 1 << 10, 1 << 21
hits = event(2, event_id, TID | TIME | RAW | CGROUP, COMMON)
processes = event(1, 9, TID | TIME, COMMON | PROCESSES)
ring = mmap.mmap(hits, mmap.PAGESIZE + SIZE)
call(hits, SET_FILTER, FILTER)
call(processes, SET_OUTPUT, hits)
group = next(
    pathlib.Path(line.split()[4])
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
    if " - cgroup2 " in line
)
call(processes, ENABLE, 0)
call(hits, ENABLE, 0)

truth = {"parent": os.getpid(), "begin": time.monotonic_ns()}
folder = group / "node-probe.service"
folder.mkdir()
truth["group"] = folder.stat().st_ino
listener = socket.create_server(("::", 8080), family=socket.AF_INET6, dualstack_ipv6=True)
child = os.fork()
if child == 0:
    (folder / "cgroup.procs").write_text(str(os.getpid()))
    libc.prctl(15, b"node\nprobe", 0, 0, 0)
    libc.unshare(0x04000000)  # CLONE_NEWUTS
    for address in ("127.0.0.1", "::1"):
        client = socket.create_connection((address, 8080))
        server, _ = listener.accept()
        client.shutdown(socket.SHUT_WR)
        server.recv(1)
        server.close()
        client.close()
    os._exit(0)
os.waitpid(child, 0)
truth["child"] = child
folder.rmdir()
pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("40000 40000")
held = socket.create_connection(("127.0.0.1", 8080))
server, _ = listener.accept()
failed = 0
for _ in range(3):
    try:
        socket.create_connection(("127.0.0.1", 8080))
    except OSError:
        failed += 1
truth["failures"] = failed
# The service closes first.
server.shutdown(socket.SHUT_WR)
held.recv(1)
held.close()
server.close()
truth["end"] = time.monotonic_ns()
truth["namespace"] = os.stat("/proc/self/ns/net").st_ino

head = struct.unpack_from("=Q", ring, 1024)[0]
(HERE / "ring").write_bytes(ring[mmap.PAGESIZE : mmap.PAGESIZE + head])
(HERE / "truth.json").write_text(json.dumps(truth, indent=1) + "\n")
print(head, "bytes", truth)
