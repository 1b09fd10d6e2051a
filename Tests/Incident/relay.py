"""Connects this machine to servers in a network namespace of the demo. The listening sockets were
made outside, so they belong to the machine's namespace; what this process dials is in its own."""

import selectors
import socket
import threading


def start(descriptors, ports):
    """Relays each of the listening sockets to a port here; gives their addresses."""
    doors = [socket.socket(fileno=descriptor) for descriptor in descriptors]
    for door, port in zip(doors, ports):
        threading.Thread(target=_accept, args=(door, port), daemon=True).start()
    return [door.getsockname() for door in doors]


def forever():
    threading.Event().wait()


def _accept(door, port):
    while True:
        client, _ = door.accept()
        threading.Thread(target=_relay, args=(client, port), daemon=True).start()


def _relay(client, port):
    with client, socket.socket() as server, selectors.DefaultSelector() as ready:
        try:
            server.connect(("127.0.0.1", port))
            other = {client: server, server: client}
            for end in other:
                ready.register(end, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select():
                    data = key.fileobj.recv(65536)
                    if not data:
                        return
                    other[key.fileobj].sendall(data)
        except OSError:
            return
