"""What ss, and the sysctls of this namespace, say."""

import contextlib
import pathlib
import subprocess


def count(state, *conditions):
    """How many TCP sockets are in a state of ss and match all conditions of ss."""
    words = " and ".join(f"( {condition} )" for condition in conditions)
    told = subprocess.run(["ss", "-Htan", "state", state, words], check=True, capture_output=True, text=True).stdout
    return len(told.splitlines())


def served(exporter, client):
    """Whether the exporter's end of a client's connection is still ESTABLISHED."""
    return count("established", f"sport = :{exporter.port}", f"dport = :{client.port}") == 1


@contextlib.contextmanager
def narrow_pipes():
    """As long as this lasts, new sockets of this namespace hold 4 KiB that the other end does not take."""
    sysctl = pathlib.Path("/proc/sys/net/ipv4/tcp_wmem")
    before = sysctl.read_text()
    sysctl.write_text("4096 4096 4096")
    try:
        yield
    finally:
        sysctl.write_text(before)
