"""The built prober as a process that a test starts, asks and stops."""

import json
import os
import pathlib
import re
import subprocess
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("PROBER", ROOT / ".build" / "debug" / "timewait_prober")).resolve()


def poll(what, condition, seconds=30, pause=0.05, state=lambda: "nothing more is known"):
    """Waits until the condition holds, and returns what it said. A failure shows the state."""
    end = time.monotonic() + seconds
    while True:
        if found := condition():
            return found
        assert time.monotonic() < end, f"not within {seconds} s: {what}; {state()}"
        time.sleep(pause)


def refusal(*flags, wrapper=()):
    """How the prober refuses flags: its exit status and its line."""
    done = subprocess.run([*wrapper, BINARY, *flags], capture_output=True, text=True, timeout=30)
    return done.returncode, done.stderr


class Prober:
    """One that runs. Its log goes to a file."""

    def __init__(self, folder, *flags, config=None, wrapper=()):
        number = time.monotonic_ns()
        self.log_file = pathlib.Path(folder) / f"prober-{number}.log"
        command = [*wrapper, BINARY, "--web.listen-address=127.0.0.1:0", *flags]
        if config is not None:
            file = pathlib.Path(folder) / f"prober-{number}.yml"
            # JSON is YAML.
            file.write_text(config if isinstance(config, str) else json.dumps(config))
            command.append(f"--config.file={file}")
        with open(self.log_file, "w") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log)
        self.pid = self.process.pid
        poll("the prober serves", lambda: self.process.poll() is not None or "msg=Serving" in self.log())
        assert self.process.poll() is None, self.log()
        self.port = int(re.search(r"msg=Serving address=\S+:(\d+)", self.log())[1])
        self.connection = urllib.request.build_opener()

    def log(self):
        return self.log_file.read_text()

    def get(self, path, **headers):
        """The status and the text of an answer."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with self.connection.open(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metrics(self):
        """Each sample of the page: the value by the name and the values of the labels."""
        return samples(self.get("/metrics")[1])

    def value(self, family, target, **labels):
        """The value of a target's sample, whatever its module; None without one."""
        for (name, found), value in self.metrics().items():
            if name == family and dict(found).get("target") == target and labels.items() <= dict(found).items():
                return value
        return None

    def wait_for(self, family, target, condition, seconds=30, **labels):
        """Waits until a sample is there whose value fits."""

        def fits():
            value = self.value(family, target, **labels)
            return value is not None and condition(value)

        try:
            poll(f"{family} of {target}", fits, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.get('/metrics')[1]}\n{self.log()}") from None

    def reasons(self, target):
        """How many probes of a target failed, by reason."""
        return {
            dict(labels)["reason"]: value
            for (name, labels), value in self.metrics().items()
            if name == "timewait_probe_failures_total" and dict(labels)["target"] == target
        }

    def stop(self):
        self.process.terminate()
        assert self.process.wait(10) == 0, self.log()

    def end(self):
        try:
            if self.process.poll() is None:
                self.stop()
        finally:
            self.process.kill()
            self.process.wait()


def samples(page):
    found = {}
    for line in page.splitlines():
        if line and not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            name, _, labels = series.partition("{")
            pairs = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels)
            found[name, tuple(pairs)] = float(value)
    return found


def sockets(*states, **where):
    """Counts the TCP sockets in states, as ss sees them: ours (client) and the server's, by its
    port."""
    words = [word for state in states for word in ("state", state)]
    done = subprocess.run(["ss", "-Htan", *words], capture_output=True, text=True, check=True)
    found = []
    for line in done.stdout.splitlines():
        fields = line.split()
        # With one state ss leaves its column out.
        local, peer = (fields[2], fields[3]) if len(states) == 1 else (fields[3], fields[4])
        found.append((int(local.rpartition(":")[2]), int(peer.rpartition(":")[2])))
    return [(local, peer) for local, peer in found if where.get("local", local) == local and where.get("peer", peer) == peer]


def counters():
    """The kernel's counters of TCP in this namespace, by name."""
    found = {}
    for file in ("/proc/net/snmp", "/proc/net/netstat"):
        lines = [line.split() for line in pathlib.Path(file).read_text().splitlines()]
        for names, values in zip(lines[::2], lines[1::2], strict=True):
            if names[0] in ("Tcp:", "TcpExt:"):
                found |= dict(zip(names[1:], map(int, values[1:]), strict=True))
    return found


def changes(before, after):
    """The counters that have changed, and by how much."""
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


def time_waits(port):
    """TIME_WAITs at the client's side and at the server's side of a port."""
    return len(sockets("time-wait", peer=port)), len(sockets("time-wait", local=port))
