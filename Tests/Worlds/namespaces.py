"""Network namespaces of this process: it makes them, and goes from one to the other. It has one
thread."""

import contextlib
import ctypes
import os
import subprocess

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


class Namespace:
    """A network namespace. This process made it and keeps it by an open file."""

    def __init__(self):
        check(libc.unshare(CLONE_NEWNET), "unshare")
        self.file = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.path = f"/proc/{os.getpid()}/fd/{self.file}"

    def enter(self):
        check(libc.setns(self.file, CLONE_NEWNET), "setns")

    @contextlib.contextmanager
    def visited(self, home):
        """What is done inside happens in this namespace; afterwards the process is back in
        `home`."""
        self.enter()
        try:
            yield
        finally:
            home.enter()


def ip(commands):
    """Runs commands of ip(8) in the namespace that this process is in; those that begin with -6
    after the others."""
    for flag in (), ("-6",):
        chosen = [one for one in commands if one.startswith("-6 ") == bool(flag)]
        text = "".join(one.removeprefix("-6 ") + "\n" for one in chosen)
        ended = subprocess.run(["ip", *flag, "-batch", "-"], input=text, capture_output=True, text=True)
        assert ended.returncode == 0, f"{ended.stderr}\n{text}"
