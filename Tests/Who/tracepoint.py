"""Whether closes can be traced here, for tests of several folders."""

import ctypes
import os
import pathlib
import subprocess

TRACEFS = pathlib.Path("/sys/kernel/tracing")
EVENT = TRACEFS / "events/sock/inet_sock_set_state"


def obstacle():
    """Why nothing can be traced here; None where it can."""
    if os.geteuid() != 0:
        return "the tests do not run as root"
    # In the mount namespace of the tests.
    if not (TRACEFS / "events").exists():
        mount = subprocess.run(["mount", "-t", "tracefs", "tracefs", str(TRACEFS)], capture_output=True, text=True)
        if mount.returncode != 0:
            return f"tracefs cannot be mounted: {mount.stderr.strip()}"
    if not EVENT.exists():
        return "the kernel lacks the tracepoint sock:inet_sock_set_state"
    # struct perf_event_attr: PERF_TYPE_TRACEPOINT, its size (PERF_ATTR_SIZE_VER5) and the event.
    number = int((EVENT / "id").read_text())
    attributes = (ctypes.c_uint64 * 14)(2 | 112 << 32, number)
    libc = ctypes.CDLL(None, use_errno=True)
    event = libc.syscall(298 if os.uname().machine == "x86_64" else 241, attributes, -1, 0, -1, 0)
    if event < 0:
        return f"perf_event_open(): {os.strerror(ctypes.get_errno())}"
    os.close(event)
    return None
