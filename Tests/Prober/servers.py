"""Servers that behave well, and such that do not, each on a port of the kernel's choice."""

import collections
import contextlib
import socket
import ssl
import struct
import subprocess
import threading
import time

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"


class Server:
    """Accepts connections, and gives each to a function on a thread of its own."""

    def __init__(self, serve, host="127.0.0.1", port=0, context=None):
        self.listener = socket.create_server((host, port), backlog=1024)
        self.host = host
        self.port = self.listener.getsockname()[1]
        self.serve = serve
        self.context = context
        self.connections = 0
        self.requests = 0
        self.errors = collections.Counter()
        self.open = set()
        self.lock = threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def place(self):
        return f"{self.host}:{self.port}"

    @property
    def url(self):
        return f"{'https' if self.context else 'http'}://{self.place}/"

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                self.open.add(connection)
            threading.Thread(target=self.run, args=(connection,), daemon=True).start()

    def run(self, connection):
        plain = connection
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            self.serve(self, connection)
        except OSError as error:
            with self.lock:
                self.errors[type(error).__name__] += 1
        finally:
            with contextlib.suppress(OSError):
                connection.close()
            with self.lock:
                self.open.discard(plain)

    def end(self):
        """Stops listening, and resets what is open."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            left = list(self.open)
        for connection in left:
            with contextlib.suppress(OSError):
                reset_at_close(connection)
                connection.shutdown(socket.SHUT_RDWR)


def reset_at_close(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def read_request(server, connection):
    """Reads the head of a request; False at the end of the stream."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(4096)
        if not piece:
            return False
        head += piece
    with server.lock:
        server.requests += 1
    return head


# Ways to serve a connection.


def keep_alive(server, connection):
    while read_request(server, connection):
        connection.sendall(ANSWER)


def answer_and_close(server, connection):
    if read_request(server, connection):
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nok\n")


def wait_for_end(server, connection):
    while connection.recv(4096):
        pass


def close_at_once(server, connection):
    pass


def reset_at_once(server, connection):
    reset_at_close(connection)


def close_after_a_moment(server, connection):
    time.sleep(0.3)


def endless_headers(server, connection):
    if read_request(server, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X-More: " + b"x" * 1000 + b"\r\n")


def endless_header(server, connection):
    if read_request(server, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while True:
            connection.sendall(b"x" * 4096)


def send_banner(server, connection):
    connection.sendall(b"220 ready\r\n")
    wait_for_end(server, connection)


def hang(server, connection):
    read_request(server, connection)
    wait_for_end(server, connection)


def reset(server, connection):
    read_request(server, connection)
    reset_at_close(connection)


def close_after_request(server, connection):
    read_request(server, connection)


def close_when_idle(server, connection):
    connection.settimeout(2)
    with contextlib.suppress(TimeoutError):
        keep_alive(server, connection)


def endless_body(server, connection):
    if read_request(server, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")


def slow_body(server, connection):
    if read_request(server, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            connection.sendall(b"x")
            time.sleep(0.5)


def no_http(server, connection):
    if read_request(server, connection):
        connection.sendall(b"220 this is not HTTP\r\n")
        wait_for_end(server, connection)


def unavailable(server, connection):
    while read_request(server, connection):
        connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")


class Servers:
    def __init__(self):
        self.all = []

    def __call__(self, serve, **options):
        self.all.append(Server(serve, **options))
        return self.all[-1]

    def end(self):
        for server in self.all:
            server.end()


def certificate(folder, name):
    """A certificate that vouches for itself, for a name, and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    options = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    subprocess.run(
        ["openssl", *options, *names, "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return certificate, context
