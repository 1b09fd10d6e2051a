"""What ss, and the sysctls of this namespace, say."""

import contextlib
import pathlib
import subprocess


def at(port, state):
    """The TCP sockets in a state of ss with one of their ends at a port: (local, remote)."""
    command = ["ss", "-Htn", "state", state, f"sport = :{port} or dport = :{port}"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {tuple(line.split()[2:4]) for line in told.splitlines()}


def own(port, sockets):
    """Those whose local end is at the port."""
    return {one for one in sockets if one[0].endswith(f":{port}")}


def served(exporter, client):
    """Whether the exporter's end of a client's connection is still ESTABLISHED."""
    return any(remote.endswith(f":{client.port}") for _, remote in own(exporter.port, at(exporter.port, "established")))


@contextlib.contextmanager
def narrow_pipes():
    """As long as this lasts, new sockets of this namespace hold 4 KiB that the other end does not
    take."""
    sysctl = pathlib.Path("/proc/sys/net/ipv4/tcp_wmem")
    before = sysctl.read_text()
    sysctl.write_text("4096 4096 4096")
    try:
        yield
    finally:
        sysctl.write_text(before)
