"""A program that calls connect() until COUNT calls have failed for want of a port, and prints how
many did.

    exhauster.py NAME ADDRESS PORT COUNT [--reset]

With --reset its connections leave no TIME_WAIT."""

import ctypes
import errno
import json
import socket
import struct
import sys

name, address, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
ctypes.CDLL(None).prctl(15, name.encode(), 0, 0, 0)  # PR_SET_NAME
held, failed = [], 0
while failed < count:
    client = socket.socket()
    if "--reset" in sys.argv:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    try:
        client.connect((address, port))
        held.append(client)
    except OSError as error:
        assert error.errno == errno.EADDRNOTAVAIL, error
        failed += 1
        client.close()
print(json.dumps({"failed": failed, "held": len(held)}), flush=True)
# Its ports stay used until its input ends.
sys.stdin.read()
