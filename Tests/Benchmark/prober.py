"""What it costs to probe 1,000 targets each second over HTTP, by timewait_prober and by
blackbox_exporter, and what is left behind.

    prober.py FOLDER PROBER BLACKBOX [SECONDS [TARGETS]]

It needs a network namespace of its own with lo up. FOLDER gets prober.md. Each prober runs on one
core, and the server on another."""

import asyncio
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Type: text/plain\r\n\r\nok\n"
FIRST_PORT = 20000


class Connection(asyncio.Protocol):
    """Answers each request, and counts it."""

    requests = 0

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        count = data.count(b"\r\n\r\n")
        Connection.requests += count
        self.transport.write(ANSWER * count)


class Counter(asyncio.Protocol):
    """Says how many requests were answered."""

    def connection_made(self, transport):
        transport.write(str(Connection.requests).encode())
        transport.close()


async def serve(targets):
    loop = asyncio.get_running_loop()
    for number in range(targets):
        await loop.create_server(Connection, "127.0.0.1", FIRST_PORT + number, backlog=64)
    await loop.create_server(Counter, "127.0.0.1", FIRST_PORT - 1)
    print("ready", flush=True)
    await asyncio.Event().wait()


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024


def count(*words):
    done = subprocess.run(["ss", "-Htan", *words], capture_output=True, text=True, check=True)
    return len(done.stdout.splitlines())


def page(port, path="/metrics"):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
        return answer.read().decode()


def requests():
    with socket.create_connection(("127.0.0.1", FIRST_PORT - 1), timeout=60) as connection:
        return int(connection.makefile().read())


def total(text, name):
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if re.match(rf"{name}[{{ ]", line))


@contextlib.contextmanager
def running(*command, core=0):
    with subprocess.Popen(
        ["taskset", "-c", str(core), *map(str, command)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()


def wait_for(what, condition, seconds=120):
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError):
            if condition():
                return
        if time.monotonic() > end:
            sys.exit(f"prober.py: not within {seconds} s: {what}")
        time.sleep(0.2)


def time_waits(targets):
    return count("state", "time-wait", f"( sport ge :{FIRST_PORT} and sport lt :{FIRST_PORT + targets} )") + count(
        "state", "time-wait", f"( dport ge :{FIRST_PORT} and dport lt :{FIRST_PORT + targets} )"
    )


def measure(process, seconds, targets):
    """The figures of a prober over some seconds."""
    before, cpu, begun, at_begin = requests(), cpu_seconds(process.pid), time.monotonic(), time_waits(targets)
    time.sleep(seconds)
    used, made, took = cpu_seconds(process.pid) - cpu, requests() - before, time.monotonic() - begun
    return {
        "rate": made / took,
        "cpu": 100 * used / took,
        "microseconds": 1e6 * used / made,
        "connections": count("state", "established", f"( dport ge :{FIRST_PORT} and dport lt :{FIRST_PORT + targets} )"),
        "time_waits": (at_begin, time_waits(targets)),
        "memory": memory(process.pid),
    }


def measure_prober(folder, program, seconds, targets):
    file = folder / "prober.yml"
    urls = [f"http://127.0.0.1:{FIRST_PORT + number}/" for number in range(targets)]
    file.write_text(
        json.dumps(
            {
                "modules": {"each_second": {"probe": "http", "interval": "1s"}},
                "targets": [{"module": "each_second", "targets": urls}],
            }
        )
    )
    with running(program, f"--config.file={file}", "--web.listen-address=127.0.0.1:10058") as process:
        wait_for("the prober answers", lambda: page(10058))
        wait_for(
            "each target was probed twice",
            lambda: total(page(10058), "timewait_probe_successes_total") >= 2 * targets,
        )
        missed = total(page(10058), "timewait_probe_missed_intervals_total")
        figures = measure(process, seconds, targets)
        text = page(10058)
        figures["missed"] = total(text, "timewait_probe_missed_intervals_total") - missed
        figures["failures"] = total(text, "timewait_probe_failures_total")
        return figures


def measure_blackbox(folder, program, targets):
    """The figures of one probe of each target, one after the other, each asked for over one kept
    connection."""
    modules = folder / "blackbox.yml"
    modules.write_text(json.dumps({"modules": {"http_2xx": {"prober": "http", "timeout": "5s"}}}))
    with running(program, f"--config.file={modules}", "--web.listen-address=127.0.0.1:9115") as process:
        wait_for("blackbox_exporter answers", lambda: page(9115))
        connection = http.client.HTTPConnection("127.0.0.1", 9115, timeout=60)
        cpu, at_begin = cpu_seconds(process.pid), time_waits(targets)
        for number in range(targets):
            connection.request("GET", f"/probe?module=http_2xx&target=http://127.0.0.1:{FIRST_PORT + number}/")
            if b"probe_success 1\n" not in connection.getresponse().read():
                sys.exit("prober.py: a probe of blackbox_exporter failed")
        used = cpu_seconds(process.pid) - cpu
        return {
            "rate": targets,
            "cpu": 100 * used,
            "microseconds": 1e6 * used / targets,
            "connections": 0,
            "time_waits": (at_begin, time_waits(targets)),
            "memory": memory(process.pid),
        }


def row(name, figures):
    begin, end = figures["time_waits"]
    missed = figures.get("missed")
    return (
        f"| {name} | {figures['rate']:.0f} | {figures['cpu']:.1f} % | {figures['microseconds']:.0f} µs "
        f"| {figures['connections']} | {begin} to {end} | {'-' if missed is None else int(missed)} "
        f"| {figures['memory']:.0f} MiB |"
    )


def main():
    folder = pathlib.Path(sys.argv[1])
    prober, blackbox = (shutil.which(name) for name in sys.argv[2:4])
    seconds = int(sys.argv[4]) if len(sys.argv) > 4 else 60
    targets = int(sys.argv[5]) if len(sys.argv) > 5 else 1000
    server = subprocess.Popen(
        ["taskset", "-c", "1", sys.executable, __file__, "--serve", str(targets)],
        stdout=subprocess.PIPE,
    )
    try:
        server.stdout.readline()
        with tempfile.TemporaryDirectory() as name:
            rows = [row("timewait_prober", measure_prober(pathlib.Path(name), prober, seconds, targets))]
            print(*rows, sep="\n", flush=True)
            if blackbox:
                figures = measure_blackbox(pathlib.Path(name), blackbox, targets)
                rows.append(row("blackbox_exporter", figures))
    finally:
        server.kill()
    text = f"""# Cost of probes

`make bench` measured this with Tests/Benchmark/prober.py on {time.strftime("%Y-%m-%d")}: {targets} local targets over HTTP,
the prober on one core, the server on another. timewait_prober probed each target every second for {seconds} s; its CPU time
contains the page of all results, which it renders each second. blackbox_exporter is Debian's. It probed each target once,
one after the other, asked over one kept connection. Its CPU time contains the answers, and its share of a core is that of
the same number of probes in a second.

| prober | probes/s | CPU of one core | CPU of a probe | connections | TIME_WAITs, begin to end | missed intervals | memory |
|---|---:|---:|---:|---:|---:|---:|---:|
{chr(10).join(rows)}
"""
    (folder / "prober.md").write_text(text)
    print(text)


if sys.argv[1] == "--serve":
    import resource

    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    asyncio.run(serve(int(sys.argv[2])))
else:
    main()
