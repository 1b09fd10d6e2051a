"""A real Prometheus and a real Alertmanager, started and stopped by a test."""

import contextlib
import json
import pathlib
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request


def get(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def poll(what, condition, seconds=30):
    """Waits until the condition holds, and returns what it said."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError):
            if found := condition():
                return found
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.2)


@contextlib.contextmanager
def running(command, log):
    """A program that is ended in any case; what it says goes to a file."""
    with open(log, "w") as file:
        program = subprocess.Popen([str(word) for word in command], stdout=file, stderr=file)
    try:
        yield program
    finally:
        program.terminate()
        program.wait(30)


class Prometheus:
    """The HTTP interface of one that runs."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"

    @contextlib.contextmanager
    @staticmethod
    def started(config, data, *flags, port=19090):
        """Runs one with the text of a configuration; data is the folder of its database."""
        data = pathlib.Path(data)
        data.mkdir(exist_ok=True)
        file = data / "prometheus.yml"
        file.write_text(config)
        command = ["prometheus", f"--config.file={file}", f"--storage.tsdb.path={data}", "--log.level=warn"]
        command += [f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=100y", *flags]
        with running(command, data / "prometheus.log") as program:
            server = Prometheus(port)
            poll("Prometheus is ready", lambda: program.poll() is not None or server.ready())
            assert program.poll() is None, (data / "prometheus.log").read_text()
            yield server

    def ready(self):
        with urllib.request.urlopen(self.url + "/-/ready", timeout=5) as answer:
            return answer.status == 200

    def _ask(self, path, **parameters):
        try:
            return get(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters, doseq=True)}")["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(f"{parameters}: {json.load(error)['error']}") from error

    def instant(self, expression, at=None):
        """The series of an instant vector: (labels, value)."""
        found = self._ask("query", query=expression, time=at or time.time())["result"]
        return [(one["metric"], float(one["value"][1])) for one in found]

    def range(self, expression, start, end, step):
        """The series over time: (labels, [(time, value)])."""
        found = self._ask("query_range", query=expression, start=start, end=end, step=step)["result"]
        return [(one["metric"], [(at, float(value)) for at, value in one["values"]]) for one in found]

    def label_values(self, label, selector, start, end):
        return self._ask(f"label/{label}/values", **{"match[]": selector, "start": start, "end": end})

    def rules(self):
        """What became of each rule of the configuration."""
        return [rule for group in self._ask("rules")["groups"] for rule in group["rules"]]
