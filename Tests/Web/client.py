"""A client that sends what a test wants byte for byte, and reads answers strictly."""

import dataclasses
import socket
import zlib


class Closed(Exception):
    """The server ended the connection before an answer was whole; says what had come."""


@dataclasses.dataclass
class Answer:
    status: int
    headers: list  # (name in lower case, value)
    body: bytes

    def header(self, name):
        """The value of a header that may be there once; None where it is not."""
        values = [value for key, value in self.headers if key == name.lower()]
        assert len(values) <= 1, f"{name} is there {len(values)} times"
        return values[0] if values else None

    @property
    def text(self):
        return self.body.decode()

    @property
    def content(self):
        """The body without its content coding."""
        if self.header("Content-Encoding") is None:
            return self.body
        assert self.header("Content-Encoding") == "gzip"
        stream = zlib.decompressobj(wbits=31)
        content = stream.decompress(self.body)
        assert stream.eof, "the gzip stream is cut"
        assert stream.unused_data == b"", "the body has more than one gzip member"
        return content

    @property
    def closes(self):
        return (self.header("Connection") or "").lower() == "close"


def request(path="/metrics", headers=(), method="GET", body=b"", host="localhost"):
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in dict(headers).items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def parse(data, head_only=False):
    """The first answer of some bytes, and the bytes after it; None while it is not whole."""
    head, separator, rest = data.partition(b"\r\n\r\n")
    if not separator:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    version, status, _ = first.split(" ", 2)
    assert version in ("HTTP/1.1", "HTTP/1.0"), first
    headers = [(name.lower(), value.strip()) for name, value in (line.split(":", 1) for line in lines)]
    answer = Answer(int(status), headers, b"")
    assert answer.header("Transfer-Encoding") is None
    length = 0 if head_only or answer.status < 200 else int(answer.header("Content-Length") or 0)
    if len(rest) < length:
        return None
    answer.body = rest[:length]
    return answer, rest[length:]


class Client:
    """One connection. address: (host, port), or the path of a UNIX socket."""

    def __init__(self, address, tls=None, source=None, receive_buffer=None, timeout=10, session=None):
        unix = isinstance(address, str)
        family = socket.AF_UNIX if unix else socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.unread = b""
        try:
            self.socket.settimeout(timeout)
            if receive_buffer:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            if source:
                self.socket.bind((source, 0))
            self.socket.connect(address)
            if tls:
                self.socket = tls.wrap_socket(self.socket, server_hostname="localhost", session=session)
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    @property
    def port(self):
        """The port of this end."""
        return self.socket.getsockname()[1]

    def send(self, data):
        self.socket.sendall(data)

    def receive(self, size=65536):
        """Some bytes; none where the server has ended the connection, in whatever way."""
        try:
            return self.socket.recv(size)
        except (ConnectionResetError, BrokenPipeError):
            return b""

    def answer(self, head_only=False):
        """The next answer."""
        while (found := parse(self.unread, head_only)) is None:
            more = self.receive()
            if not more:
                raise Closed(self.unread)
            self.unread += more
        answer, self.unread = found
        return answer

    def ask(self, path="/metrics", headers=(), method="GET", body=b""):
        """Sends a request and reads its answer."""
        self.send(request(path, headers, method, body))
        return self.answer(head_only=method == "HEAD")

    def ends(self, seconds=10):
        """Whether the server ends the connection within that time, without another byte."""
        self.socket.settimeout(seconds)
        try:
            return self.unread == b"" and self.receive(1) == b""
        except TimeoutError:
            return False
