"""`outgoing.py NAME ADDRESS PORT`: a program with outgoing connections, to which the kernel gives
source ports. It reads commands, and answers each with a line of JSON.

    until P    opens connections until one has source port P or no port is left; gives how many, and
               whether one has P
    all        opens connections until no port is left; gives the same
    reset      resets all connections, which leaves no TIME_WAIT
"""

import errno
import json
import pathlib
import resource
import socket
import struct
import sys

name, address, port = sys.argv[1:]
pathlib.Path("/proc/self/comm").write_text(name)
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
kept = []


def open_until(wanted):
    while True:
        client = socket.socket()
        try:
            client.connect((address, int(port)))
        except OSError as error:
            client.close()
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            return
        kept.append(client)
        if client.getsockname()[1] == wanted:
            return


for line in sys.stdin:
    match line.split():
        case ["until", wanted]:
            open_until(int(wanted))
        case ["all"]:
            open_until(None)
        case ["reset"]:
            for client in kept:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()
            kept.clear()
    print(json.dumps([client.getsockname()[1] for client in kept]), flush=True)
