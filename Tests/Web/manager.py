"""What systemd does for a service: passes sockets on, and listens to how the service fares."""

import os
import pathlib
import socket
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
    waits for it."""
    folder = pathlib.Path(folder) / "procfs"
    (folder / "net").mkdir(parents=True)
    for path in ("sys", "self", "stat"):
        (folder / path).symlink_to(f"/proc/{path}")
    for path in os.listdir("/proc/self/net"):
        if path != name:
            (folder / "net" / path).symlink_to(f"/proc/self/net/{path}")
    os.mkfifo(folder / "net" / name)
    return folder


def open_up(folder, name):
    """From now on the file is the real one; who waits for it reads nothing."""
    pipe = folder / "net" / name
    pipe.rename(pipe.with_suffix(".old"))
    pipe.symlink_to(f"/proc/self/net/{name}")
    os.close(os.open(pipe.with_suffix(".old"), os.O_RDWR | os.O_NONBLOCK))


def hang(folder, name):
    """Undoes open_up(): the next reading of the file waits."""
    pipe = folder / "net" / name
    pipe.unlink()
    pipe.with_suffix(".old").rename(pipe)
