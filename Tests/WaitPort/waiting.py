"""Hosts on which services wait for their ports, and the truth about when bind() succeeds there.

The truth is bind() itself: a thread of the host tries it for every service each 20 ms, and closes
the socket at once, without listen()."""

import contextlib
import dataclasses
import subprocess
import threading
import time

from exporter import BINARY
from host import Host

TRIALS = """
import threading

def try_bind(address, port, reuse=False, v6only=False):
    trial = stream(address)
    try:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(reuse))
        if ":" in address:
            trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(v6only))
        trial.bind((address, port))
        return 0
    except OSError as error:
        return error.errno
    finally:
        trial.close()

def try_on(services, stop):
    before = None
    while not stop.is_set():
        round_ = time.monotonic()
        trials["stall"] = max(trials["stall"], round_ - (before or round_))
        before = round_
        for service in services:
            truth = trials["truth"][service[1]]
            start = time.monotonic()
            if try_bind(*service):
                truth["failed"] = start
            elif truth["succeeded"] is None:
                truth["succeeded"] = start
        stop.wait(0.02)

def start_trials(services):
    global trials, trials_thread, trials_stop
    trials = {"stall": 0, "truth": {service[1]: {"failed": None, "succeeded": None} for service in services}}
    trials_stop = threading.Event()
    trials_thread = threading.Thread(target=try_on, args=(services, trials_stop), daemon=True)
    trials_thread.start()

def end_trials():
    trials_stop.set()
    trials_thread.join()
    return trials
"""


@dataclasses.dataclass
class Service:
    """A service that is about to bind, and the flags by which `wait-port` knows how."""

    port: int
    address: str = "::"
    reuse: bool = False
    v6only: bool = False
    flags: tuple = ()

    @property
    def arguments(self):
        address = "" if self.address == "::" else f",{self.address}"
        options = [name for name, is_set in [("--reuse-address", self.reuse), ("--ipv6-only", self.v6only)] if is_set]
        return [f"{self.port}{address}", *options, *self.flags]

    @property
    def trial(self):
        return [self.address, self.port, self.reuse, self.v6only]


@dataclasses.dataclass
class Ended:
    """How `wait-port` ended, and what bind() said around that time."""

    service: Service
    status: int
    text: str
    at: float
    failed: float | None = None
    succeeded: float | None = None

    @property
    def delay(self):
        return self.at - self.succeeded


class WaitingHost(Host):
    def __init__(self, sysctls):
        super().__init__(sysctls)
        self.inside = ["nsenter", f"--target={self.process.pid}", "--net"]
        self.do(TRIALS)

    def wait_port(self, *arguments, wrapper=()):
        """Runs `wait-port` to its end."""
        command = [*self.inside, *wrapper, BINARY, "wait-port", *arguments]
        return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=150)

    def wait_port_at_once(self, services):
        """How `wait-port --timeout=0s` ends for each service: its status and its text."""
        commands = [[*self.inside, BINARY, "wait-port", *service.arguments, "--timeout=0s"] for service in services]
        processes = [
            subprocess.Popen([str(word) for word in command], stderr=subprocess.PIPE, text=True) for command in commands
        ]
        texts = [process.communicate(timeout=60)[1] for process in processes]
        return [(process.returncode, text) for process, text in zip(processes, texts)]

    def bind_errno(self, service):
        return self.do("result = try_bind(*service)", service=service.trial)

    def time_waits(self):
        """The local and the remote end of each TIME_WAIT, by ss."""
        lines = self.run("ss", "-Htan", "state", "time-wait").splitlines()
        return [tuple(line.split()[2:4]) for line in lines]

    def race(self, services, meanwhile=()):
        """Lets each service wait while bind() is tried for it as well.

        `meanwhile` has pairs of a time in seconds and Python text that the host then runs."""
        self.do("start_trials(services)", services=[service.trial for service in services])
        with contextlib.ExitStack() as stack:
            pace = stack.enter_context(Pace(self.inside))
            watches = [stack.enter_context(Watch(self.inside, service)) for service in services]
            # On a busy machine it takes long until all of them have looked.
            for watch in watches:
                assert watch.has_said_something.wait(120), watch.service
            start = time.monotonic()
            for seconds, text in meanwhile:
                time.sleep(max(0, start + seconds - time.monotonic()))
                self.do(text)
            ended = [watch.end() for watch in watches]
        # What ended too early is found out by a trial that fails afterwards.
        time.sleep(0.2)
        trials = self.do("result = end_trials()")
        for one in ended:
            truth = trials["truth"][str(one.service.port)]
            one.failed, one.succeeded = truth["failed"], truth["succeeded"]
        return Race(ended, max(trials["stall"], pace.slowest))


class Pace:
    """How slow this machine is: a thread that runs a program that does nothing, again and again."""

    def __init__(self, inside):
        self.command = [*inside, "true"]
        self.slowest = 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.stop.wait(0.3):
            start = time.monotonic()
            subprocess.run(self.command, check=True)
            self.slowest = max(self.slowest, time.monotonic() - start)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.stop.set()
        self.thread.join()


class Watch:
    """A `wait-port` that runs, and a thread that notes what it says and when it ends."""

    def __init__(self, inside, service):
        self.service = service
        self.command = [str(word) for word in [*inside, BINARY, "wait-port", *service.arguments]]
        self.has_said_something = threading.Event()
        self.lines = []

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stderr=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        return self

    def run(self):
        for line in self.process.stderr:
            self.lines.append(line)
            self.has_said_something.set()
        self.status = self.process.wait()
        self.ended_at = time.monotonic()
        self.has_said_something.set()

    def end(self):
        self.thread.join(300)
        assert not self.thread.is_alive(), self.service
        return Ended(self.service, self.status, "".join(self.lines), self.ended_at)

    def __exit__(self, *error):
        self.process.kill()
        self.thread.join()
        self.process.stderr.close()


@dataclasses.dataclass
class Race:
    ended: list
    # The longest time that this machine kept a program waiting: that passed between two rounds of
    # trials, or that `true` took.
    stall: float

    def check(self, waited=True):
        """Each returned within a second of the moment at which bind() succeeded, and none before.

        `waited` says that bind() failed at first."""
        for one in self.ended:
            assert one.status == 0, one
            # Where nothing was in the way there was nothing to wait for.
            assert not waited or one.failed is not None, f"bind() never failed: {one}"
            assert one.succeeded is not None, f"returned before bind() ever succeeded: {one}"
            assert one.failed is None or one.failed < one.at, f"bind() failed after it had returned: {one}"
            assert one.delay >= -self.stall, f"returned before bind() succeeded: {one}"
            # Where nothing was in the way the start of the program would be measured. A busy
            # machine keeps it waiting when it wakes, at each of two readings, and when it ends.
            if waited:
                assert one.delay <= 1 + 4 * self.stall, f"returned {one.delay:.2f} s after bind() succeeded: {one}"
        delays = sorted(one.delay for one in self.ended)
        half = delays[len(delays) // 2]
        print(f"{len(delays)} services: median {half:.3f} s, most {delays[-1]:.3f} s; stall {self.stall:.3f} s")
