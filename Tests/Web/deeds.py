"""What happens around an exporter while it soaks, each on a thread of its own, and what is known of
it afterwards."""

import itertools
import pathlib
import random
import socket
import threading
import traceback

import passwords
from certificates import client_context, tls_section
from page import ACCEPT, OPENMETRICS, TEXT, Page

SERVICES = [8001, 8002, 8003, 8004]
VISITORS = range(9000, 9020)
# An even and an odd number of ports; both begin above the visitors.
RANGES = ["20000 60999", "32768 60998"]


class Deeds:
    """Threads that repeat something until they are stopped. The first failure of one stops all."""

    def __init__(self):
        self.stopping = threading.Event()
        self.failures = []
        self.threads = []

    def repeat(self, deed, pause):
        """Calls a function, and again after a pause in seconds."""

        def body():
            try:
                while not self.stopping.is_set():
                    deed()
                    self.stopping.wait(pause)
            except BaseException:
                self.failures.append(traceback.format_exc())
                self.stopping.set()

        thread = threading.Thread(target=body)
        thread.start()
        self.threads.append(thread)

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        assert not self.failures, "\n".join(self.failures)


def listening(port):
    listener = socket.create_server(("127.0.0.1", port), backlog=64)
    listener.settimeout(20)
    return listener


# A new connection with the ends of a TIME_WAIT on the server's side takes it over. So each comes
# from another address: these last for longer than a TIME_WAIT.
sources = itertools.cycle(f"127.1.{high}.{low}" for high in range(250) for low in range(1, 251))
IP_BIND_ADDRESS_NO_PORT = 24


def visit(listener, client_first):
    """A connection to a listener, closed in order; its first closer keeps a TIME_WAIT."""
    with socket.socket() as client:
        client.settimeout(20)
        client.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        client.bind((next(sources), 0))
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        with server:
            first, second = (client, server) if client_first else (server, client)
            second.settimeout(20)
            first.shutdown(socket.SHUT_WR)
            assert second.recv(1) == b""
            second.close()


class Churn:
    """Short connections to four services, and how many each of their ends closed first."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.listeners = [listening(port) for port in SERVICES]
        self.made = dict.fromkeys(itertools.product(SERVICES, ["client", "server"]), 0)

    def __call__(self):
        for listener in self.listeners:
            role = self.random.choice(["client", "server"])
            for _ in range(self.random.randint(0, 8)):
                visit(listener, role == "client")
                self.made[listener.getsockname()[1], role] += 1


class Visitors:
    """Listeners that come and go, each with a few connections."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.there = {}

    def __call__(self):
        port = self.random.choice(VISITORS)
        if listener := self.there.pop(port, None):
            listener.close()
            return
        self.there[port] = listening(port)
        for _ in range(3):
            visit(self.there[port], True)


class Ranges:
    """Changes of the ephemeral range, and how many there were."""

    def __init__(self):
        self.changes = 0

    def __call__(self):
        self.changes += 1
        pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").write_text(RANGES[self.changes % 2])


class WebConfiguration:
    """A file whose certificate changes, and which is invalid for a while now and then."""

    def __init__(self, write, identities):
        self.write = write
        self.contents = [tls_section(identity) + passwords.section("cost4") for identity in identities]
        self.path = write(self.contents[0])
        self.turns = itertools.cycle([self.contents[1], "tls_server_config: [\n", self.contents[0]])

    def __call__(self):
        self.write(next(self.turns))

    def settle(self):
        self.write(self.contents[0])


class Scraper:
    """Scrapes over TLS in every form, on new connections and on kept ones. No counter may fall."""

    FORMS = list(
        itertools.product([TEXT, OPENMETRICS], ["identity", "gzip"], ["", "?collect[]=socket_table", "?exclude[]=process"])
    )

    def __init__(self, exporter, authority, seed):
        self.exporter = exporter
        self.random = random.Random(seed)
        self.tls = client_context(authority)
        self.client = None
        self.counters = {}
        self.pages = 0

    def __call__(self):
        if self.client and self.random.random() < 0.5:
            self.client.close()
            self.client = None
        kind, coding, query = self.random.choice(self.FORMS)
        headers = {"Accept": ACCEPT[kind], "Accept-Encoding": coding, **passwords.right("cost4")}
        self.client = self.client or self.exporter.client(tls=self.tls, timeout=30)
        answer = self.client.ask("/metrics" + query, headers)
        assert answer.status == 200, answer.text
        if answer.closes:
            self.client.close()
            self.client = None
        self.check(Page.of(answer))

    def check(self, page):
        self.pages += 1
        for key, value in page.samples.items():
            if key[0].endswith("_total"):
                assert value >= self.counters.get(key, 0), f"{key} fell from {self.counters[key]} to {value}"
                self.counters[key] = value

    def page(self):
        """A whole page."""
        headers = {"Accept": ACCEPT[TEXT], **passwords.right("cost4")}
        answer = self.exporter.get("/metrics", headers, tls=self.tls, timeout=30)
        assert answer.status == 200, answer.text
        return Page.of(answer)


class Watch:
    """What the process holds, each second."""

    def __init__(self, exporter):
        self.exporter = exporter
        self.samples = []

    def __call__(self):
        one = self.exporter
        self.samples.append((one.memory(), one.open_files(), one.threads()))

    def most(self, begin, end):
        """The most memory, files and threads in a part of the time; begin, end: 0 to 1."""
        count = len(self.samples)
        part = self.samples[int(begin * count) : int(end * count)]
        return [max(column) for column in zip(*part, strict=True)]
