"""A program that closes connections first, in known numbers: it is started under the name that a
test looks for.

    closer.py NAME COUNT RATE [--threads N] [--first-port PORT] [--protocol N] [--hold] [--wait]

It prints a line of JSON when it is done: how many connections it closed, and in how many seconds.
With --first-port it dials from the ports from there on. With --hold it stays until its input ends.
With --wait it begins at the first line of its input."""

import argparse
import ctypes
import json
import socket
import sys
import threading
import time

arguments = argparse.ArgumentParser()
arguments.add_argument("name")
arguments.add_argument("count", type=int)
arguments.add_argument("rate", type=float)
arguments.add_argument("--threads", type=int, default=1)
arguments.add_argument("--first-port", type=int)
arguments.add_argument("--protocol", type=int, default=0)
arguments.add_argument("--hold", action="store_true")
arguments.add_argument("--wait", action="store_true")
options = arguments.parse_args()
ctypes.CDLL(None).prctl(15, options.name.encode(), 0, 0, 0)  # PR_SET_NAME
if options.wait:
    print("ready", flush=True)
    sys.stdin.readline()


def close_first(count, rate, address):
    """Makes connections to a listener of its own; the client's end is left in TIME_WAIT."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, options.protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, 9090))
    listener.listen(16)
    start = time.monotonic()
    for number in range(count):
        client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, options.protocol)
        if options.first_port:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.bind(("127.0.0.1", options.first_port + number))
        client.connect((address, 9090))
        server, _ = listener.accept()
        client.shutdown(socket.SHUT_WR)
        assert server.recv(1) == b""
        server.close()
        client.close()
        time.sleep(max(0, start + (number + 1) / rate - time.monotonic()))
    listener.close()


# Each thread, and each 20,000 connections, have an address of their own, so that ports suffice.
base = sum(options.name.encode()) % 200 + 2
start = time.monotonic()
share = options.count // options.threads
threads = [
    threading.Thread(target=close_first, args=(share, options.rate / options.threads, f"127.0.{base}.{1 + thread}"))
    for thread in range(options.threads)
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps({"closed": share * options.threads, "seconds": time.monotonic() - start}), flush=True)
if options.hold:
    sys.stdin.read()
