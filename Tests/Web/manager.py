"""What systemd does for a service: passes sockets on, and listens to how the service fares."""

import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

# Sockets are passed from descriptor 3 on, to the process that LISTEN_PID names: it becomes the
# exporter.
ACTIVATE = """
import fcntl, os, sys
passed, pid, count, *command = sys.argv[1:]
aside = [fcntl.fcntl(int(one), fcntl.F_DUPFD, 100) for one in passed.split(",") if one]
for number, descriptor in enumerate(aside):
    os.dup2(descriptor, 3 + number, inheritable=True)
os.closerange(3 + len(aside), 200)
if pid != "none":
    os.environ["LISTEN_PID"] = pid or str(os.getpid())
if count != "none":
    os.environ["LISTEN_FDS"] = count or str(len(aside))
os.execv(command[0], command)
"""


def activation(*descriptors, pid="", count=""):
    """Options of Exporter.started or subprocess.run that pass these; pid, count: what is said
    instead of the truth."""
    passed = ",".join(str(one) for one in descriptors)
    return {"wrapper": [sys.executable, "-c", ACTIVATE, passed, pid, count], "pass_fds": descriptors}


def listener(address=("127.0.0.1", 0), family=socket.AF_INET):
    """A socket that listens, as a .socket unit makes it."""
    made = socket.socket(family)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    made.bind(address)
    made.listen(64)
    return made


class Notifications(threading.Thread):
    """The socket of NOTIFY_SOCKET: keeps (time, message). name: a path, or @ and an abstract
    name."""

    def __init__(self, name, heard=None):
        super().__init__(daemon=True)
        self.name = str(name)
        self.messages = []
        self.heard = heard
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(b"\0" + self.name[1:].encode() if self.name.startswith("@") else self.name)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        # A thread that waits in recv() is not woken by close().
        self.socket.shutdown(socket.SHUT_RD)
        self.join()
        self.socket.close()

    def run(self):
        while message := self.socket.recv(4096):
            self.messages.append((time.monotonic(), message.decode()))
            if self.heard:
                self.heard(message.decode())

    @property
    def env(self):
        return {"NOTIFY_SOCKET": self.name}

    def times(self, word):
        """When a word was said."""
        return [at for at, message in list(self.messages) if word in message.splitlines()]


def blocking_procfs(folder, name):
    """A procfs with one file that cannot be read to its end before open_up() of it: the sampler
    waits for it. name: a file of `net`, or a path such as `sys/net/ipv4/tcp_fin_timeout`."""
    folder = pathlib.Path(folder) / "procfs"
    # The folders that lead to the file are real ones, all beside them are links.
    shown, real = folder, pathlib.Path("/proc")
    beside = ["sys", "self", "stat", "net"]
    *parts, file = place(name).parts
    for part in [*parts, file]:
        shown.mkdir()
        for other in beside:
            if other != part:
                (shown / other).symlink_to(real / other)
        shown, real = shown / part, real / part
        beside = os.listdir(real) if part != file else []
    os.mkfifo(shown)
    return folder


def place(name):
    return pathlib.Path(name) if "/" in name else pathlib.Path("net") / name


def open_up(folder, name):
    """From now on the file is the real one; who waits for it reads nothing."""
    pipe = folder / place(name)
    pipe.rename(f"{pipe}.old")
    pipe.symlink_to("/proc" / place(name))
    os.close(os.open(f"{pipe}.old", os.O_RDWR | os.O_NONBLOCK))


def hang(folder, name):
    """Undoes open_up(): the next reading of the file waits."""
    pipe = folder / place(name)
    pipe.unlink()
    pathlib.Path(f"{pipe}.old").rename(pipe)


# Stops a thread where it next calls clock_gettime(), which is call 228 of x86-64, until this ends.
# Not strace: it never lets go of a process that ends while one of its calls is delayed.
HOLD = """
import ctypes, os, signal, sys
pid = int(sys.argv[1])
SEIZE, INTERRUPT, SYSCALL, PEEKUSER, ORIG_RAX, TRACESYSGOOD, ALL = 0x4206, 0x4207, 24, 3, 120, 1, 0x40000000
ptrace = ctypes.CDLL(None, use_errno=True).ptrace
ptrace.restype, ptrace.argtypes = ctypes.c_long, [ctypes.c_long] * 4
if ptrace(SEIZE, pid, 0, TRACESYSGOOD) or ptrace(INTERRUPT, pid, 0, 0):
    sys.exit(f"ptrace: {os.strerror(ctypes.get_errno())}")
while True:
    _, status = os.waitpid(pid, ALL)
    if not os.WIFSTOPPED(status):
        sys.exit()
    if os.WSTOPSIG(status) == signal.SIGTRAP | 0x80 and ptrace(PEEKUSER, pid, ORIG_RAX, 0) == 228:
        break
    ptrace(SYSCALL, pid, 0, 0)
print("held", flush=True)
os.waitpid(pid, ALL)
"""


@contextlib.contextmanager
def held(pid):
    """Holds the main thread of an exporter where it next asks for its CPU time, which is in a
    reading. Gives what lets it go on."""
    tracer = subprocess.Popen([sys.executable, "-c", HOLD, str(pid)], stdout=subprocess.PIPE, text=True)

    def release():
        tracer.kill()
        tracer.wait()

    try:
        assert tracer.stdout.readline() == "held\n"
        yield release
    finally:
        release()
        tracer.stdout.close()
