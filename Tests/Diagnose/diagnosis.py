"""Machines to diagnose: network namespaces with programs inside, and `timewait_exporter diagnose`
run there as users do."""

import functools
import json
import os
import pathlib
import subprocess

import jsonschema

from exporter import BINARY, ROOT, poll
from host import Agent, Host

# What a service does: it echoes, and closes first when its client says so.
SERVE = """
import threading
def talk(connection):
    with connection:
        while data := connection.recv(100):
            if data == b"close":
                return
            connection.sendall(data)
def serve(listener):
    listener.settimeout(None)
    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(connection,), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    return listener
"""
# Short connections to a service, one after the other. `by` says who closes first, and so has the
# TIME_WAIT. A client that closes first waits for the service's FIN: then its TIME_WAIT is there.
DIAL = """
def dial(address, port, by, count=1, **options):
    for _ in range(count):
        client = connect(address, port, **options)
        client.sendall(b"close" if by == "service" else b"hello")
        assert client.recv(100) == (b"" if by == "service" else b"hello")
        if by == "client":
            client.shutdown(socket.SHUT_WR)
            assert client.recv(100) == b""
        client.close()
"""


def is_root_of_the_machine():
    """Whether there are other users to become."""
    return os.getuid() == 0 and len(pathlib.Path("/proc/self/uid_map").read_text().split()) == 3 and _maps_all_users()


def _maps_all_users():
    return int(pathlib.Path("/proc/self/uid_map").read_text().split()[2]) > 65_534


class Program(Agent):
    """A program in a machine, by a name of its own. It runs Python text as a host's own process
    does."""

    def __init__(self, machine, name):
        super().__init__(*machine.inside)
        self.pid = self.process.pid
        self.do("pathlib.Path('/proc/self/comm').write_text(name)\n" + SERVE + DIAL, name=name)

    def descriptors(self):
        """What its descriptors stand for."""
        folder = pathlib.Path(f"/proc/{self.pid}/fd")
        return {entry.name: os.readlink(entry) for entry in folder.iterdir()}

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(20)
        self.process.stdin.close()
        self.process.stdout.close()


class Machine(Host):
    def __init__(self, sysctls):
        super().__init__(sysctls)
        self.inside = ["nsenter", f"--target={self.process.pid}", "--net"]
        self.programs = []
        self.do(SERVE + DIAL)

    def program(self, name):
        self.programs.append(Program(self, name))
        return self.programs[-1]

    def diagnose(self, *flags, **options):
        """What `diagnose` finds here."""
        return Diagnosis(self.output("--json", *flags, **options))

    def output(self, *flags, binary=BINARY, wrapper=(), env=None, seconds=60):
        """What `diagnose` with these flags writes and returns, in a pipe."""
        command = [*self.inside, *wrapper, binary, "diagnose", *flags]
        return subprocess.run(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            env={**os.environ, **(env or {})},
        )

    def ss(self, *words):
        """The lines of ss."""
        return self.run("ss", "-Htan", *words).splitlines()

    def time_waits(self):
        return self.ss("state", "time-wait")

    def wait_for_time_waits(self, count):
        """Waits until so many are there. A service that closed first has its own only when the
        client's FIN arrives, which under load takes a moment."""
        poll(f"{count} TIME_WAITs", lambda: len(self.time_waits()) == count)

    def forget_time_waits(self):
        """Ends all TIME_WAITs, in place of a minute's wait."""
        self.run("ss", "-tK", "state", "time-wait")
        poll("the TIME_WAITs are gone", lambda: not self.time_waits(), 70)

    def end(self):
        for program in self.programs:
            program.end()
        super().end()


@functools.cache
def validator():
    """What every answer has to be valid by."""
    schema = json.loads((ROOT / "docs" / "diagnose.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


class Diagnosis:
    def __init__(self, ended):
        self.status = ended.returncode
        assert self.status in (0, 1, 2), ended.stderr
        self.text = ended.stdout
        self.json = json.loads(ended.stdout)
        validator().validate(self.json)
        self.findings = self.json["findings"]
        self.ids = {finding["id"] for finding in self.findings}
        worst = max(({"note": 0, "warning": 1, "critical": 2}[finding["severity"]] for finding in self.findings), default=0)
        assert self.status == worst
        known = [*self.json["passed"], *[check["id"] for check in self.json["not_checked"]], *self.told]
        assert len(known) == len(set(known)) and len(known) == CHECKS, known

    @property
    def told(self):
        """The checks that found something, with those that are told inside of others."""
        return self.ids.union(*(finding["explains"] for finding in self.findings))

    def all(self, check):
        return [finding for finding in self.findings if finding["id"] == check]

    def one(self, check):
        """The only finding of a check."""
        found = self.all(check)
        assert len(found) == 1, f"{check}: {sorted(self.ids)}\n{self.text}"
        return found[0]


# The checks that one reading makes: all but those of a running exporter.
CHECKS = 20
