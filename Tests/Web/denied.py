"""System calls that a filter denies (seccomp(2)), as container runtimes and systemd do."""

import errno
import json
import sys

# Numbers of x86-64 (arch/x86/entry/syscalls/syscall_64.tbl).
CALLS = {
    "poll": 7,
    "access": 21,
    "accept": 43,
    "sendto": 44,
    "recvfrom": 45,
    "sendmsg": 46,
    "getsockname": 51,
    "rt_sigprocmask": 14,
    "clock_gettime": 228,
    "madvise": 28,
    "setrlimit": 160,
    "getrlimit": 97,
    "rt_sigtimedwait": 128,
    "clock_nanosleep": 230,
    "eventfd2": 290,
    "prlimit64": 302,
    "getrandom": 318,
    "sched_getaffinity": 204,
    "sysinfo": 99,
    "getdents64": 217,
    "readlink": 89,
    "socketpair": 53,
    "pidfd_open": 434,
    "clone3": 435,
    "epoll_create1": 291,
    "epoll_ctl": 233,
    "epoll_wait": 232,
}

# Becomes the command with a filter: a program of classic BPF over struct seccomp_data, whose first
# word is the number of the call.
FILTER = """
import ctypes, json, os, struct, sys
code, *command = sys.argv[1:]
code = json.loads(code)
memory = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in code))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(code), ctypes.addressof(memory)))
libc = ctypes.CDLL(None, use_errno=True)
for arguments in [(38, 1, 0, 0, 0), (22, 2, ctypes.addressof(program))]:
    if libc.prctl(*map(ctypes.c_ulong, arguments)):
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
os.execv(command[0], command)
"""


ALLOW = (0x06, 0, 0, 0x7FFF0000)


def fail(error):
    """The instruction that lets the call fail."""
    return (0x06, 0, 0, 0x00050000 | error)


def filtered(*code):
    """The command that becomes the command behind it, with a filter of these instructions."""
    return [sys.executable, "-c", FILTER, json.dumps(code)]


def denied(*names):
    """Options of Exporter.started or subprocess.run by which these calls fail with EPERM."""
    code = [(0x20, 0, 0, 0)]
    for name in names:
        code += [(0x15, 0, 1, CALLS[name]), fail(errno.EPERM)]
    return {"wrapper": filtered(*code, ALLOW)}
