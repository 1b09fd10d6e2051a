"""Hosts to measure: network namespaces with an exporter inside, and programs that make sockets
there.

A host is a process of its own in a network namespace of its own (agent.py): it runs what a test
gives it as Python text, keeps the sockets that come of it, and answers what the text leaves in
`result`. It ends with its test."""

import contextlib
import json
import pathlib
import re
import subprocess
import sys
import threading
import time

from exporter import BINARY, poll

AGENT = pathlib.Path(__file__).with_name("agent.py")


class Agent:
    """A process of Python that runs what it is told."""

    def __init__(self, *wrapper):
        command = [*wrapper, sys.executable, str(AGENT)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        # Threads of a test may ask at once; an answer belongs to its question.
        self.asks = threading.Lock()

    def do(self, text, **values):
        """Runs Python text in the process, with these names set; gives what it leaves in
        `result`."""
        with self.asks:
            self.process.stdin.write(json.dumps([text, values]) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        assert line, "the process has ended"
        answer = json.loads(line)
        if "error" in answer:
            raise AssertionError(f"{answer['error']}\nin:\n{text}")
        return answer["result"]


class Host(Agent):
    """A network namespace, and a process in it."""

    def __init__(self, sysctls):
        super().__init__("unshare", "--net")
        self.links = 0
        self.ip("link set lo up")
        # No TIME_WAIT is taken away early: see Tests/Namespaces.
        self.sysctls({"tcp_tw_reuse": 0, "tcp_rfc1337": 1, **sysctls})

    def run(self, *command):
        return self.do("result = run(command)", command=[str(word) for word in command])

    def ip(self, text):
        return self.run("ip", *text.split())

    def sysctls(self, values):
        for name, value in values.items():
            self.do("pathlib.Path('/proc/sys/net/ipv4', name).write_text(value)", name=name, value=str(value))

    def connect_with(self, other, here, there):
        """A pair of links to another host, with an address and its prefix at each end; the names of
        the links."""
        names = f"veth{self.links}", f"veth{other.links}"
        self.links += 1
        other.links += 1
        self.ip(f"link add {names[0]} type veth peer name {names[1]} netns {other.process.pid}")
        for host, name, address in [(self, names[0], here), (other, names[1], there)]:
            # No link-local address but those that a test gives.
            host.ip(f"link set {name} addrgenmode none")
            host.ip(f"address add {address} dev {name}" + (" nodad" if ":" in address else ""))
            host.ip(f"link set {name} up")
        return names

    def counters(self):
        """TcpExt of /proc/net/netstat."""
        return self.do(
            "lines = [line.split() for line in open('/proc/thread-self/net/netstat') if line.startswith('TcpExt')]\n"
            "result = dict(zip(lines[0][1:], map(int, lines[1][1:])))"
        )

    @contextlib.contextmanager
    def exporter(self, folder, *flags, port=10057, interval="1s"):
        """An exporter in the namespace."""
        log = pathlib.Path(folder) / f"exporter-{time.monotonic_ns()}.log"
        command = ["nsenter", f"--target={self.process.pid}", "--net", BINARY, "--sampler.cpu-limit=100"]
        command += [f"--sampler.interval={interval}", f"--web.listen-address=:{port}", *flags]
        with open(log, "w") as file:
            process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stderr=file)
        exporter = Exporter(self, process, log, port)
        try:
            poll("the exporter is ready", exporter.is_ready, 30)
            yield exporter
        finally:
            process.terminate()
            process.wait(20)

    def end(self):
        self.process.stdin.close()
        self.process.wait(20)


class Exporter:
    def __init__(self, host, process, log, port):
        self.host = host
        self.process = process
        self.log_file = log
        self.port = port

    def log(self):
        return self.log_file.read_text()

    def is_ready(self):
        assert self.process.poll() is None, self.log()
        return self.host.do("result = get(port, '/-/ready')[0]", port=self.port) == 200

    def page(self):
        status, text = self.host.do("result = get(port, '/metrics')", port=self.port)
        assert status == 200, text
        return Page(text)

    def fresh(self, seconds=20):
        """A page whose reading of the socket table began after now."""
        start = time.time()
        first = None

        def is_fresh():
            nonlocal first
            page = self.page()
            read = page.get("timewait_sampler_last_success_timestamp_seconds", collector="socket_table") or 0
            # The reading that ends after now may have begun before it; the one after that has not.
            if read <= start:
                return None
            first = first or read
            return page if read > first else None

        return poll("the socket table is read twice", is_fresh, seconds)


class Page:
    """A page of text format 0.0.4, by a reader of its own."""

    def __init__(self, text):
        self.text = text
        self.values = {}
        for line in text.splitlines():
            if line.startswith("#"):
                continue
            series, value = line.rsplit(" ", 1)
            name, _, labels = series.partition("{")
            key = name, frozenset(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels))
            assert key not in self.values, f"{series} comes twice"
            self.values[key] = float(value)

    def get(self, name, **labels):
        """The value of a series; None where the page has none."""
        return self.values.get((name, frozenset((key, str(value)) for key, value in labels.items())))

    def all(self, name, **labels):
        """The series of a family that have all these labels: their labels and values."""
        wanted = {(key, str(value)) for key, value in labels.items()}
        return [(dict(found), value) for (family, found), value in self.values.items() if family == name and wanted <= found]

    def sum(self, name, **labels):
        return sum(value for _, value in self.all(name, **labels))
