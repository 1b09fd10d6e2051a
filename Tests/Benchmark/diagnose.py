"""How long `timewait_exporter diagnose` takes, from its start to its end, at 100,000 and at a
million TIME_WAITs.

    diagnose.py FOLDER EXPORTER GENERATOR [RUNS [SOCKETS...]]

It needs a network namespace of its own with lo up. FOLDER gets diagnose.md and diagnose.json."""

import json
import os
import pathlib
import resource
import socket
import subprocess
import sys
import time

COUNTS = [100_000, 1_000_000]
GOALS = {100_000: 0.2, 1_000_000: 1.5}
# The generator dials eight ports: beside these listeners they are few, so that it is no prober,
# which would be searched for.
OTHERS = 30
WAYS = {
    "text": [],
    "`--json`": ["--json"],
    "`--json --sampler.source=procfs`": ["--json", "--sampler.source=procfs"],
}


def listen():
    listeners = []
    for number in range(OTHERS):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(("127.0.0.1", 9000 + number))
        one.listen()
        listeners.append(one)
    return listeners


def measure(exporter, flags, runs):
    """The seconds of each run and of the CPU, the most memory in MiB, and what the last one
    said."""
    seconds, cpu, memory, text = [], [], 0, ""
    for _ in range(runs):
        begin = time.monotonic()
        one = subprocess.Popen([exporter, "diagnose", *flags], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        text = one.stdout.read()
        _, status, usage = os.wait4(one.pid, 0)
        seconds.append(time.monotonic() - begin)
        one.returncode = status
        cpu.append(usage.ru_utime + usage.ru_stime)
        memory = max(memory, usage.ru_maxrss / 1024)
    return sorted(seconds), sorted(cpu), memory, text


def run(exporter, generator, runs, counts):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # What the generator's clients send to its listeners must not get there:
    # Tests/Benchmark/c/timewait_generator/main.c.
    chain = "add chain ip benchmark input { type filter hook input priority -300; }"
    rule = "add rule ip benchmark input ip saddr 127.1.0.0/16 ip daddr 127.0.0.1 tcp dport 8080-8087 drop"
    subprocess.run(["nft", f"add table ip benchmark; {chain}; {rule}"], check=True)
    making = subprocess.Popen([generator], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    results = []
    others = listen()
    try:
        for count in counts:
            making.stdin.write(f"grow {count}\n")
            making.stdin.flush()
            assert making.stdout.readline() == "ok\n"
            for name, flags in WAYS.items():
                seconds, cpu, memory, text = measure(exporter, flags, runs)
                if "--json" in flags:
                    report = json.loads(text)
                    assert report["summary"]["time_wait"] == count, "the generator was not given the time to keep them all"
                    assert "local_prober" in report["passed"]
                median = seconds[len(seconds) // 2]
                row = {"time_waits": count, "way": name, "median": median, "most": seconds[-1]}
                results.append({**row, "cpu": cpu[len(cpu) // 2], "mib": memory})
                print(results[-1], flush=True)
    finally:
        making.kill()
        making.wait()
        for one in others:
            one.close()
    return results


def table(results, runs):
    lines = [
        "# How long diagnose takes",
        "",
        f"Written by `make bench`. From the start of the program to its end, {runs} runs each, while there are so many",
        "TIME_WAIT sockets. Goals for one reading without `--for`: 200 ms at 100,000 sockets, 1.5 s at a million. Where a",
        "prober of this host is found and no program was met that dials like one, diagnose searches for it for a second",
        "more at most, which is not in these figures.",
        "",
        "| TIME_WAITs | how | median | slowest | CPU, median | memory | goal reached |",
        "|---:|---|---:|---:|---:|---:|---|",
    ]
    for row in results:
        goal = GOALS.get(row["time_waits"])
        is_asked = goal is not None and "procfs" not in row["way"]
        reached = ("yes" if row["median"] < goal else "no") if is_asked else ""
        lines.append(
            f"| {row['time_waits']:,} | {row['way']} | {row['median'] * 1000:,.0f} ms | {row['most'] * 1000:,.0f} ms "
            f"| {row['cpu'] * 1000:,.0f} ms | {row['mib']:,.0f} MiB | {reached} |"
        )
    return "\n".join(lines) + "\n"


def main(output, exporter, generator, runs="11", *counts):
    results = run(exporter, generator, int(runs), [int(count) for count in counts] or COUNTS)
    pathlib.Path(output, "diagnose.md").write_text(table(results, runs))
    pathlib.Path(output, "diagnose.json").write_text(json.dumps(results, indent=1) + "\n")
    print(table(results, runs))


if __name__ == "__main__":
    main(*sys.argv[1:])
