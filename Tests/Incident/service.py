"""`service.py NAME PORT [plain]`: a service that echoes. At the line "close" it closes first. With
"plain" it does not set SO_REUSEADDR. It prints "listening", or why it cannot start."""

import errno
import pathlib
import selectors
import socket
import sys

name, port, *options = sys.argv[1:]
pathlib.Path("/proc/self/comm").write_text(name)
listener = socket.socket()
if "plain" not in options:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
try:
    listener.bind(("0.0.0.0", int(port)))
    listener.listen(1024)
except OSError as error:
    print(errno.errorcode[error.errno], flush=True)
    sys.exit(1)
print("listening", flush=True)
ready = selectors.DefaultSelector()
ready.register(listener, selectors.EVENT_READ)
while True:
    for key, _ in ready.select():
        if key.fileobj is listener:
            client, _ = listener.accept()
            ready.register(client, selectors.EVENT_READ)
            continue
        client = key.fileobj
        try:
            data = client.recv(4096)
            if data and data != b"close\n":
                client.sendall(data)
                continue
        except ConnectionError:
            pass
        ready.unregister(client)
        client.close()
