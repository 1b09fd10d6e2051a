"""A host with sockets in known numbers, the packaged exporter on it, and what every page has to
fulfil, whatever is wrong with the machine: a value is true or absent, and no counter falls."""

import contextlib
import pathlib
import re
import signal
import subprocess
import time

from exporter import BINARY, poll
from host import Host, Page

PORT = 10057
TIME_WAITS = 12
# Shorter than the 60 s that they last.
KNOWN_SECONDS = 50

SOCKETS = """
listeners = {port: listen("127.0.0.1", port) for port in (8080, 8081, 8082, 40005)}
sixth = listen("::1", 9090, v6only=True)
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind(("127.0.0.1", 45000))
def leave(port, count):
    for _ in range(count):
        client = connect("127.0.0.1", port)
        server, _ = listeners[port].accept()
        close(server, client)
def number(name):
    return int(open("/proc/sys/net/ipv4/" + name).read())
low, high = map(int, open("/proc/sys/net/ipv4/ip_local_port_range").read().split())
result = [low, high, number("tcp_max_tw_buckets"), number("tcp_fin_timeout")]
"""


class Scene:
    def __init__(self, folder, *flags, wrapper=(), serves=True, **options):
        """wrapper: a command that becomes the exporter; options: those of subprocess.Popen."""
        self.folder = pathlib.Path(folder)
        self.host = Host({"ip_local_reserved_ports": "40001,40003"})
        low, high, buckets, fin_timeout = self.host.do(SOCKETS)
        # A series, and its value at every moment.
        self.truth = {
            ("timewait_ephemeral_range_low",): low,
            ("timewait_ephemeral_range_high",): high,
            ("timewait_reserved_ports",): 2,
            ("timewait_buckets_limit",): buckets,
            ("timewait_sysctl_tcp_fin_timeout_seconds",): fin_timeout,
            ("timewait_udp_ephemeral_ports_used",): 1,
            ("timewait_listening_ports", "exposure", "outside"): 5,
            ("timewait_listening_ports", "exposure", "exposed"): 1,
        }
        # Until when a port has its TIME_WAITs, and the ports of which a page has shown them.
        self.known = {}
        self.seen = set()
        self.counters = {}
        self.pages = 0
        self.process = None
        self.pid = None
        self.leave(8080)
        self.start(*flags, wrapper=wrapper, serves=serves, **options)

    # The sockets.

    def leave(self, port):
        """Leaves TIME_WAITs of the service on a port."""
        self.host.do("leave(port, count)", port=port, count=TIME_WAITS)
        self.known[port] = time.monotonic() + KNOWN_SECONDS

    # The exporter.

    def start(self, *flags, wrapper=(), serves=True, **options):
        self.log_file = self.folder / f"exporter-{time.monotonic_ns()}.log"
        command = ["nsenter", f"--target={self.host.process.pid}", "--net", *wrapper, BINARY, "--sampler.cpu-limit=100"]
        command += ["--sampler.interval=1s", f"--web.listen-address=127.0.0.1:{PORT}", *flags]
        with open(self.log_file, "w") as file:
            options = {"stdin": subprocess.DEVNULL, "stderr": file, "stdout": file, **options}
            self.process = subprocess.Popen([str(word) for word in command], **options)
        # What stands before the exporter becomes it.
        self.pid = self.process.pid
        self.counters = {}
        if serves:
            poll("the exporter is ready", self.is_ready, 60)

    def log(self):
        return self.log_file.read_text()

    def lines(self, *parts):
        return [line for line in self.log().splitlines() if all(part in line for part in parts)]

    def ask(self, path="/metrics"):
        """(Status, text) of an answer; status 0 where there is none."""
        return self.host.do("result = get(port, path)", port=PORT, path=path)

    def is_ready(self):
        assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.log()}"
        return self.ask("/-/ready")[0] == 200

    def look(self):
        """A page, of which everything is true or absent and no counter has fallen; None where there
        is none."""
        before = time.monotonic()
        status, text = self.ask()
        assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.log()}"
        if status != 200:
            return None
        page = Page(text)
        self.pages += 1
        for series, true in self.truth.items():
            value = get(page, series)
            assert value in (None, true), f"{series} is {value}, and not {true}: {self.log()}"
        for port, until in self.known.items():
            value = self.time_waits(page, port)
            # A reading from before they were all made knows none or some of them.
            is_known = value in (None, TIME_WAITS) or (port not in self.seen and value < TIME_WAITS)
            assert before > until or is_known, f"{value} TIME_WAITs of port {port}"
            if value == TIME_WAITS:
                self.seen.add(port)
        for name in re.findall(r"^# TYPE (\S+) counter$", text, re.MULTILINE):
            for labels, value in page.all(name):
                key = name, *sorted(labels.items())
                assert value >= self.counters.get(key, 0), f"{key} falls from {self.counters[key]} to {value}"
                self.counters[key] = value
        return page

    @staticmethod
    def time_waits(page, port):
        return page.get("timewait_port_sockets", port=port, role="server", peer="local")

    def await_page(self, what, condition, seconds=60):
        """Waits for a page that fulfils a condition, and gives it."""

        def found():
            page = self.look()
            return page if page and condition(page) else None

        return poll(what, found, seconds)

    def await_reading(self, page, seconds, collector="socket_table"):
        """Waits for a page with a reading of a collector that is so much later than that of a page."""
        time = last_success(page, collector) + seconds
        return self.await_page(f"{collector} is read again", lambda page: last_success(page, collector) > time)

    def is_whole(self, page):
        """Whether nothing is missing."""
        return all(value == 1 for _, value in page.all("timewait_sampler_success")) and all(
            get(page, series) is not None for series in self.truth
        )

    def await_recovery(self, source="sock_diag", port=8081, seconds=60):
        """Leaves new TIME_WAITs, and waits until they are on a page from which nothing is missing."""
        self.leave(port)
        return self.await_page(
            "it has recovered",
            lambda page: (
                self.is_whole(page)
                and self.time_waits(page, port) == TIME_WAITS
                and page.get("timewait_sampler_source_info", source=source) == 1
            ),
            seconds,
        )

    def readers(self):
        """The threads that read: the main thread, which asks netlink between two readings of the
        table, and those that read aside."""
        tasks = pathlib.Path(f"/proc/{self.pid}/task").iterdir()
        return [self.pid, *(int(task.name) for task in tasks if (task / "comm").read_text() == "reading\n")]

    @contextlib.contextmanager
    def fault(self, *injections, all_threads=False, path=None):
        """Has system calls fail meanwhile, by strace: those of the threads that read, or of all
        threads; path: only those on a file."""
        command = ["strace", "-qq", "-o", "/dev/null", *(["-f"] if all_threads else [])]
        command += [f"--attach={thread}" for thread in ([self.pid] if all_threads else self.readers())]
        command += [word for file in path or () for word in ("-P", file)]
        command += [word for injection in injections for word in ("-e", f"inject={injection}")]
        strace = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            poll("strace has attached", lambda: strace.poll() is not None or self.is_traced())
            assert strace.poll() is None, strace.stderr.read()
            yield
        finally:
            # It detaches.
            strace.send_signal(signal.SIGINT)
            strace.communicate(timeout=20)
        poll("strace has detached", lambda: not self.is_traced())

    def is_traced(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return re.search(r"TracerPid:\s+(\d+)", status)[1] != "0"

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def stop(self, status=0, seconds=20):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(seconds) == status, self.log()

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.host.end()


def get(page, series):
    """The value of a series, by its name and its labels in pairs."""
    name, *labels = series
    return page.get(name, **dict(zip(labels[::2], labels[1::2])))


def success(page, collector):
    return page.get("timewait_sampler_success", collector=collector)


def last_success(page, collector):
    return page.get("timewait_sampler_last_success_timestamp_seconds", collector=collector)


def errors(page, collector, reason):
    return page.get("timewait_sampler_errors_total", collector=collector, reason=reason)


TABLE = ("timewait_table_sockets", "timewait_sockets", "timewait_port_sockets", "timewait_ephemeral_ports_used")


def lacks_table(page):
    """Whether nothing of the socket table is on a page, which says so."""
    return success(page, "socket_table") == 0 and not any(page.all(name) for name in TABLE)
