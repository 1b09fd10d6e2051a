"""Measures what --who costs for each close that leaves a TIME_WAIT: the CPU time of the whole
machine, so that the kernel's part in the closing programs counts, too.

    who.py FOLDER EXPORTER [SECONDS [ROUNDS]]

It writes FOLDER/who.md. Run it as root in namespaces of its own, with tracefs mounted
(.ci/run-benchmark)."""

import ctypes
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

folder, exporter = pathlib.Path(sys.argv[1]), sys.argv[2]
SECONDS = float(sys.argv[3]) if len(sys.argv) > 3 else 10
ROUNDS = int(sys.argv[4]) if len(sys.argv) > 4 else 5
RATES = [0, 100, 10_000]
PORT = 10057


def closer(rate, address, until):
    """Closes first, at a rate, until a moment; gives the number of closes and its own CPU time."""
    ctypes.CDLL(None).prctl(15, b"closer", 0, 0, 0)
    listener = socket.create_server((address, 9090), backlog=64)
    start, number = time.monotonic(), 0
    while time.monotonic() < until:
        client = socket.create_connection((address, 9090))
        server, _ = listener.accept()
        client.shutdown(socket.SHUT_WR)
        server.recv(1)
        server.close()
        client.close()
        number += 1
        time.sleep(max(0, start + number / rate - time.monotonic()))
    return number


def run_closers(rate, until):
    """Two programs make half of the closes each; their closes and CPU time together."""
    pipes = []
    for half in range(2 if rate > 1000 else 1):
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            number = closer(rate / (2 if rate > 1000 else 1), f"127.0.{os.getpid() % 250}.{half + 1}", until)
            os.write(write, str(number).encode())
            os._exit(0)
        os.close(write)
        pipes.append((pid, read))
    closes = 0
    cpu = 0.0
    for pid, read in pipes:
        closes += int(os.read(read, 32))
        os.close(read)
        _, _, usage = os.wait4(pid, 0)
        cpu += usage.ru_utime + usage.ru_stime
    return closes, cpu


def cpu_of(pid):
    """CPU time of a process in seconds, by its clock (clock_getcpuclockid(3))."""
    return time.clock_gettime(~pid << 3 | 2)


def page():
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/metrics") as answer:
        return answer.read().decode()


def value(text, pattern):
    found = re.search(rf"^{pattern} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def measure(rate, flags):
    """CPU seconds of the closing programs and of the exporter, closes, and lost events."""
    command = [exporter, f"--web.listen-address=127.0.0.1:{PORT}", "--sampler.cpu-limit=100", "--log.level=error", *flags]
    process = subprocess.Popen(command)
    try:
        end = time.monotonic() + 30
        while True:
            try:
                if "timewait_observed_total" in page():
                    break
            except OSError:
                assert time.monotonic() < end, "the exporter does not answer"
            time.sleep(0.1)
        time.sleep(1)
        before = cpu_of(process.pid)
        if rate:
            closes, cpu = run_closers(rate, time.monotonic() + SECONDS)
        else:
            closes, cpu = 0, 0.0
            time.sleep(SECONDS)
        # The reading that matches the last of them.
        time.sleep(6)
        spent = cpu_of(process.pid) - before
        text = page()
        memory = value(text, "process_resident_memory_bytes")
        return closes, cpu, spent, value(text, r'timewait_who_events_total\{outcome="lost"\}'), memory
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


lines = []
for rate in RATES:
    pairs = []
    for _ in range(ROUNDS):
        # One after the other, so that both see the same machine.
        pairs.append((measure(rate, []), measure(rate, ["--who"])))
        # TIME_WAITs of the rounds before take ports and make readings longer.
        if rate > 1000:
            time.sleep(62)
    without, traced = [pair[0] for pair in pairs], [pair[1] for pair in pairs]

    def median(runs, figure):
        return statistics.median(figure(run) for run in runs)

    def each(run):
        return run[1] / run[0] * 1e6 if run[0] else 0.0

    def own(run):
        return run[2] / run[0] * 1e6 if run[0] else 0.0

    reached = median(traced, lambda run: run[0]) / SECONDS
    row = [
        f"{rate:,}",
        f"{reached:,.0f}",
        f"{median(without, each):.1f}" if rate else "",
        f"{median(traced, each):.1f}" if rate else "",
        f"{median(without, own):.1f}" if rate else "",
        f"{median(traced, own):.1f}" if rate else "",
        f"{median(without, lambda run: run[2]) * 1e3 / (SECONDS + 6):.2f}",
        f"{median(traced, lambda run: run[2]) * 1e3 / (SECONDS + 6):.2f}",
        f"{sum(run[3] for run in traced):.0f}",
        f"{median(without, lambda run: run[4]) / 2**20:.1f}",
        f"{median(traced, lambda run: run[4]) / 2**20:.1f}",
    ]
    lines.append("| " + " | ".join(row) + " |")
    print(lines[-1], flush=True)

(folder / "who.md").write_text(
    f"""# What `--who` costs

CPU time with and without `--who`, medians of {ROUNDS} pairs of {SECONDS:g} s on {os.cpu_count()} cores. Programs in
Python make connections over loopback and close them first. "Programs" is their CPU time for each
close, in which the kernel evaluates the filter and writes the event. "Exporter" is its own CPU time
for each close, readings of the table included. "ms/s" is the exporter's CPU time in a second.

| closes/s asked | made | programs, off: µs | on: µs | exporter, off: µs | on: µs \
| off: ms/s | on: ms/s | lost | RSS, off: MiB | on: MiB |
|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
"""
    + "\n".join(lines)
    + "\n\nWritten by `Tests/Benchmark/who.py`.\n"
)
