"""System calls of the threads that read fail for a while. What could not be read is absent, the
rest is true, the log says why once, and all is back afterwards."""

import errno
import time

import pytest

from denied import ALLOW, fail, filtered
from scene import errors, last_success, success

# Collectors of which everything is in files, and a family of each.
FILES = {
    "ephemeral_range": "timewait_ephemeral_range_low",
    "sysctl": "timewait_sysctl_tcp_fin_timeout_seconds",
    "sockstat": "timewait_buckets",
    "netstat": "timewait_overflow_total",
    "process": "process_open_fds",
}
# As the log names a call, where that is not the kernel's name.
NAMES = {"openat": "open"}
REASONS = {"EACCES": "permission_denied"}
TEXTS = {
    "EACCES": "Permission denied",
    "EAGAIN": "Resource temporarily unavailable",
    "EMFILE": "Too many open files",
    "ENOBUFS": "No buffer space available",
    "ENOMEM": "Cannot allocate memory",
}


def check_files_are_missing(scene, call, error):
    before = scene.await_page("everything is read", scene.is_whole)
    with scene.fault(f"{call}:error={error}"):
        begin = time.time()
        failing = scene.await_page("no file is read", lambda page: all(success(page, name) == 0 for name in FILES))
        reason = REASONS.get(error, "read_failed")
        later = scene.await_page(
            "it is tried again",
            lambda page: all(errors(page, name, reason) >= errors(failing, name, reason) + 2 for name in FILES),
        )
        for name, family in FILES.items():
            assert later.all(family) == [], family
            # How old what was read last is, is to be seen.
            assert last_success(before, name) <= last_success(later, name) < begin + 1
            lines = scene.lines(
                "level=ERROR", f"collector={name}", f"{call if call != 'openat' else 'open'}: {TEXTS[error]}"
            )
            assert lines
            assert len({line.partition(" ")[2] for line in lines}) == len(lines), "a failure is logged twice"
        # sock_diag needs no file.
        assert success(later, "socket_table") == 1
        assert last_success(later, "socket_table") > last_success(before, "socket_table")
        assert scene.time_waits(later, 8080) in (None, 12)
    scene.await_recovery()
    assert {line for name in FILES for line in scene.lines("Reading works again", f"collector={name}")}
    scene.stop()


@pytest.mark.parametrize("error", ["EMFILE", "EACCES", "ENOMEM"])
def test_no_file_can_be_opened(new_scene, error):
    check_files_are_missing(new_scene(), "openat", error)


@pytest.mark.parametrize("error", ["EAGAIN", "ENOMEM"])
def test_no_file_can_be_read(new_scene, error):
    check_files_are_missing(new_scene(), "read", error)


# socket(AF_NETLINK) fails with EACCES: socket() is call 41 of x86-64, and the fifth word of struct
# seccomp_data has the family.
WITHOUT_NETLINK = [(0x20, 0, 0, 0), (0x15, 0, 3, 41), (0x20, 0, 0, 16), (0x15, 0, 1, 16), fail(errno.EACCES), ALLOW]


def test_where_a_filter_refuses_netlink_files_are_read_and_the_log_says_why_once(new_scene):
    """As under systemd's RestrictAddressFamilies. (Other calls: Tests/Web/test_denied.py.)"""
    scene = new_scene(wrapper=filtered(*WITHOUT_NETLINK))
    page = scene.await_recovery("procfs")
    scene.await_reading(page, 2)
    assert success(page, "listeners") is None
    (line,) = scene.lines("level=WARN", "Falling back to procfs")
    assert "sock_diag: socket: Permission denied" in line
    (line,) = scene.lines("level=WARN", "Reading local addresses from files")
    assert "rtnetlink: socket: Permission denied" in line
    assert not scene.lines("level=ERROR")
    scene.stop()
