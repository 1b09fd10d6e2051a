"""Machines to look at: a host in a network namespace (Tests/Conditions/host.py) with real services,
clients and sockets, and the exporter that serves its page. The exporter is root, and so names the
programs."""

import contextlib
import pathlib
import subprocess
import sys
import time

from exporter import BINARY, poll
from host import Exporter, Host

PROGRAM = pathlib.Path(__file__).with_name("program.py")


class Scene(Host):
    """A host with a name, of which every program is a process of its own."""

    def __init__(self, name, **sysctls):
        super().__init__(sysctls)
        self.name = name
        self.programs = {}

    def start(self, name, *words):
        command = ["nsenter", f"--target={self.process.pid}", "--net", sys.executable, PROGRAM, name, *words]
        program = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.programs[name] = program
        assert program.stdout.readline() == "ready\n", f"{name} did not start"

    def stop(self, name):
        program = self.programs.pop(name)
        program.kill()
        program.wait()

    def command(self, *flags):
        """The program on this host, which has a host name of its own."""
        script = 'echo "$1" >/proc/sys/kernel/hostname; shift; exec "$@"'
        inside = ["nsenter", f"--target={self.process.pid}", "--net", "unshare", "--uts", "sh", "-c", script, "sh"]
        return [*inside, self.name, BINARY, *flags]

    def diagnose(self, *flags):
        """What `diagnose` prints."""
        return subprocess.run(self.command("diagnose", *flags), capture_output=True, text=True, timeout=60).stdout

    @contextlib.contextmanager
    def serving(self, folder, *flags):
        log = pathlib.Path(folder) / f"{self.name}.log"
        command = self.command("--sampler.interval=1s", "--sampler.cpu-limit=100", *flags)
        with open(log, "w") as file:
            process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stderr=file)
        try:
            poll("the exporter is ready", Exporter(self, process, log, 10057).is_ready, 60)
            yield "http://127.0.0.1:10057"
        finally:
            process.terminate()
            process.wait(20)

    def end(self):
        # Clients before what they dial.
        for name in reversed(list(self.programs)):
            self.stop(name)
        super().end()


def leak(scene, rate):
    """Has a program of the troubled host open connections to a database, so many a second, and
    close none."""
    scene.start("orders", "leak", "10.0.0.9", 5432, rate, "10.0.0.5")


@contextlib.contextmanager
def healthy(folder):
    """A database server with a dozen services, none in danger."""
    scene = Scene("db-3", ip_local_reserved_ports="50051-50052")
    try:
        for name, *ports in [
            ("sshd", 22), ("master", 25), ("nginx", 80, 443), ("postgres", 5432), ("redis-server", 6379), ("statsd", 8125),
            ("prometheus", 9090), ("node_exporter", 9100), ("payments", 50051), ("ledger", 50052),
        ]:  # fmt: skip
            scene.start(name, "serve", *ports)
        scene.start("api", "hold", "127.0.0.1", 5432, 40)
        scene.start("cache-client", "hold", "127.0.0.1", 6379, 32)
        scene.start("checkout", "hold", "127.0.0.1", 50051, 24)
        scene.start("scraper", "dial", 3, 9100)
        scene.start("cron", "dial", 2, 5432)
        with scene.serving(folder) as url:
            yield scene, url
    finally:
        scene.end()


@contextlib.contextmanager
def troubled(folder):
    """A host with a prober, services in the range, and one that lost its port to a backup; `leak`
    adds a leak."""
    scene = Scene("web-1", ip_local_reserved_ports="8080-8088,50061,50070-50079")
    try:
        scene.ip("address add 10.0.0.5/32 dev lo")
        scene.ip("address add 10.0.0.9/32 dev lo")
        names = ["gateway", "accounts", "catalog", "cart", "pricing", "search", "media", "mailer", "billing"]
        services = [("sshd", 22), ("nginx", 80), ("redis", 6379), ("node_exporter", 9100), ("flags", 40400)]
        services += [("thumbnails", 47003), ("ledger", 50052), ("quotes", 50061)]
        services += [(name, 8080 + number) for number, name in enumerate(names)]
        for name, port in services:
            scene.start(name, "serve", port)
        # It closes first.
        scene.start("reports", "serve-closing", 9090)
        scene.start("postgres", "serve", 5432, 443)
        scene.start("payments", "serve", 50051)
        with scene.serving(folder, "--services.ports=50051") as url:
            time.sleep(3)
            scene.stop("payments")
            scene.start("backup", "hold", "10.0.0.9", 443, 1, "10.0.0.5", 50051)
            scene.start("health-probe", "dial", 1, 9090, *(port for _, port in services if port != 22))
            yield scene, url
    finally:
        scene.end()
