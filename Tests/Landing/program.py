"""`program.py NAME serve|serve-closing PORT…`,
`NAME hold ADDRESS PORT COUNT [SOURCE [SOURCE_PORT]]`, `NAME dial SECONDS PORT…`,
`NAME leak ADDRESS PORT A_SECOND SOURCE`: a program of a scene, under a name of its own. It says
when it is ready."""

import pathlib
import resource
import selectors
import socket
import sys
import threading
import time

name, action, *words = sys.argv[1:]
pathlib.Path("/proc/self/comm").write_text(name)
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def connect(address, port, source="0.0.0.0", source_port=0):
    client = socket.socket()
    if source_port:
        client.bind((source, source_port))
    elif source != "0.0.0.0":
        client.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        client.bind((source, 0))
    client.connect((address, port))
    return client


def serve(ports, closes_first):
    ready = selectors.DefaultSelector()
    for port in ports:
        ready.register(socket.create_server(("0.0.0.0", port), backlog=4096), selectors.EVENT_READ, "listener")
    print("ready", flush=True)
    while True:
        for key, _ in ready.select():
            if key.data == "listener":
                client, _ = key.fileobj.accept()
                if closes_first:
                    client.shutdown(socket.SHUT_WR)
                ready.register(client, selectors.EVENT_READ, "client")
            elif not key.fileobj.recv(4096):
                ready.unregister(key.fileobj)
                key.fileobj.close()


def dial(seconds, ports):
    while True:
        for port in ports:
            with connect("127.0.0.1", port) as client:
                if port == 9090:
                    client.recv(1)
                client.shutdown(socket.SHUT_WR)
                client.recv(1)
        time.sleep(seconds)


kept = []
match action:
    case "serve" | "serve-closing":
        serve([int(word) for word in words], action == "serve-closing")
    case "hold":
        address, port, count, *source = words
        source = (source[0], *(int(word) for word in source[1:])) if source else ()
        kept = [connect(address, int(port), *source) for _ in range(int(count))]
        print("ready", flush=True)
        threading.Event().wait()
    case "dial":
        print("ready", flush=True)
        dial(float(words[0]), [int(word) for word in words[1:]])
    case "leak":
        address, port, rate, source = words
        print("ready", flush=True)
        start = time.monotonic()
        # Below half of the range.
        while len(kept) < 11_000:
            while len(kept) < (time.monotonic() - start) * int(rate):
                kept.append(connect(address, int(port), source))
            time.sleep(0.05)
        threading.Event().wait()
