"""`naive_prober.py RATE PORT...`: a health check as many people write it. RATE times a second it
connects to each service of this host, and closes the connection."""

import pathlib
import socket
import sys
import time

rate, *ports = sys.argv[1:]
pathlib.Path("/proc/self/comm").write_text("naive_prober")
next_round = time.monotonic()
while True:
    for port in ports:
        try:
            socket.create_connection(("127.0.0.1", int(port)), timeout=1).close()
        except OSError as error:
            print(f"port {port} is down: {error}", flush=True)
    next_round += 1 / float(rate)
    time.sleep(max(0, next_round - time.monotonic()))
