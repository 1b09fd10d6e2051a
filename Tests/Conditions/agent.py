"""The process of a host: see host.py. It reads a line of JSON for each piece of Python text, and
answers one."""

import http.client
import json
import pathlib  # noqa: F401 (for the text that comes)
import resource
import socket
import subprocess
import sys
import time  # noqa: F401 (for the text that comes)
import traceback

SO_BINDTODEVICE = 25
IP_TRANSPARENT = 19
IP_BIND_ADDRESS_NO_PORT = 24
SO_MARK = 36


def run(command, **options):
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, **options)
    assert ended.returncode == 0, f"{command}: {ended.stderr}"
    return ended.stdout


kept = {}


def get(port, path):
    """A page over a connection that is kept, so that asking leaves no TIME_WAIT."""
    for attempt in range(2):
        try:
            if port not in kept:
                kept[port] = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            kept[port].request("GET", path)
            answer = kept[port].getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            kept.pop(port).close()
            if attempt:
                return 0, ""


def stream(address):
    return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)


def listen(address, port, backlog=4096, device=None, v6only=None, reuse=True, transparent=False):
    listener = stream(address)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(reuse))
    if device:
        listener.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, device.encode())
    if v6only is not None:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(v6only))
    if transparent:
        listener.setsockopt(socket.IPPROTO_IP, IP_TRANSPARENT, 1)
    listener.bind((address, port))
    listener.listen(backlog)
    listener.settimeout(20)
    return listener


def connect(address, port, source=None, source_port=0, bind_first=False, device=None, reuse=False, scope=0):
    client = stream(address)
    client.settimeout(20)
    if reuse:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if device:
        client.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, device.encode())
    if bind_first or source_port:
        client.bind((source or ("::" if ":" in address else "0.0.0.0"), source_port))
    elif source:
        client.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        client.bind((source, 0))
    client.connect((address, port, 0, scope) if ":" in address else (address, port))
    return client


def close(first, second):
    """Closes both ends of a connection, step by step: the first is left in TIME_WAIT when this
    returns."""
    first.shutdown(socket.SHUT_WR)
    assert second.recv(1) == b""
    second.shutdown(socket.SHUT_WR)
    assert first.recv(1) == b""
    first.close()
    second.close()


names = globals()
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
for line in sys.stdin:
    text, values = json.loads(line)
    names.update(values)
    names["result"] = None
    try:
        exec(text, names)
        answer = {"result": names["result"]}
    except Exception:
        answer = {"error": traceback.format_exc(limit=3)}
    print(json.dumps(answer), flush=True)
