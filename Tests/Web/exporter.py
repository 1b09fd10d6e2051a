"""The built exporter as a process that a test starts, watches and stops."""

import contextlib
import functools
import os
import pathlib
import re
import signal
import subprocess
import time

from client import Client

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("EXPORTER", ROOT / ".build" / "debug" / "timewait_exporter")).resolve()


def poll(what, condition, seconds=10):
    """Waits until the condition holds, and returns what it said."""
    end = time.monotonic() + seconds
    while True:
        if found := condition():
            return found
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.02)


@functools.cache
def libmicrohttpd():
    """The version of the libmicrohttpd that the exporter loads, such as (0, 9, 75)."""
    said = subprocess.run([BINARY, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(number) for number in re.search(r"libmicrohttpd: ([\d.]+)", said)[1].split("."))


# A changed web configuration is in force within two seconds. A busy machine is given as long again.
RELOAD_SECONDS = 4

# Under AddressSanitizer memory is given back late, and under ThreadSanitizer it is shadowed; leaks
# are told otherwise.
SANITIZED = "ASAN_OPTIONS" in os.environ or "TSAN_OPTIONS" in os.environ


def mebibytes(count):
    """By how much the memory of an exporter may seem to grow, in bytes."""
    return count * (256 << 20 if SANITIZED else 1 << 20)


class Exporter:
    """One that runs. Its log, which is its standard error, goes to a file."""

    def __init__(self, process, log):
        self.process = process
        self.log_file = log
        self.pid = process.pid
        self.status_at_end = 0

    @contextlib.contextmanager
    @staticmethod
    def started(
        folder,
        *flags,
        config=None,
        listen="127.0.0.1:0",
        binary=BINARY,
        wrapper=(),
        env=None,
        serves=True,
        **options,
    ):
        """Runs one that listens at a port of the kernel's choice; at the end it is stopped, and has
        to end well.

        serves: whether to wait until it says where it serves. options: those of subprocess.Popen.
        """
        # A busy machine, and a build for debugging, must not make it read more rarely.
        command = [*wrapper, binary, "--sampler.cpu-limit=100", *flags]
        if listen:
            command.append(f"--web.listen-address={listen}")
        if config:
            command.append(f"--web.config.file={config}")
        log = pathlib.Path(folder) / f"exporter-{time.monotonic_ns()}.log"
        with open(log, "w") as file:
            process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stderr=file,
                env={**os.environ, **(env or {})},
                **options,
            )
        exporter = Exporter(process, log)
        try:
            if serves:
                # It says so once for each address.
                wanted = max(1, sum(str(word).startswith("--web.listen-address") for word in command))
                poll(
                    "the exporter serves",
                    lambda: process.poll() is not None or len(exporter.lines("msg=Serving")) >= wanted,
                )
                assert process.poll() is None, exporter.log()
            yield exporter
            exporter.stop()
        finally:
            process.kill()
            process.wait()

    def stop(self, seconds=10):
        """Stops it by SIGTERM unless it was stopped already. Whatever a sanitizer finds gives
        another status."""
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        assert self.process.wait(seconds) == self.status_at_end, self.log()

    def signal(self, number):
        self.process.send_signal(number)

    # What it says.

    def log(self):
        return self.log_file.read_text()

    def lines(self, *parts):
        """The lines of the log that have all these parts."""
        return [line for line in self.log().splitlines() if all(part in line for part in parts)]

    @property
    def addresses(self):
        """Where it serves, in the order of its flags: (host, port)."""
        found = re.findall(r"msg=Serving address=(\S+):(\d+)", self.log())
        return [(host.strip("[]"), int(port)) for host, port in found]

    @property
    def address(self):
        return self.addresses[0]

    @property
    def port(self):
        return self.address[1]

    # What it holds.

    def open_files(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def memory(self):
        """Bytes of anonymous memory that are resident: what a leak would make grow."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"RssAnon:\s+(\d+) kB", status)[1]) * 1024

    def cpu_seconds(self):
        """What its threads have used together."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # What it answers.

    def url(self, path="/metrics", scheme="http"):
        host, port = self.address
        return f"{scheme}://{host}:{port}{path}"

    def client(self, **options):
        return Client(self.address, **options)

    def get(self, path="/metrics", headers=(), method="GET", **options):
        """One request on a connection of its own."""
        with self.client(**options) as client:
            return client.ask(path, headers, method)

    def metric(self, series, **options):
        """The value of a series, by its name and labels as they stand on the page; None where it is
        not there."""
        text = self.get(**options).text
        found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else None


def refused(*flags, env=None, seconds=20, **options):
    """Runs an exporter that is expected not to start: (its status, what it said on standard
    error)."""
    ended = subprocess.run(
        [BINARY, *[str(flag) for flag in flags]],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        env={**os.environ, **(env or {})},
        **options,
    )
    assert ended.stdout == ""
    return ended.returncode, ended.stderr
