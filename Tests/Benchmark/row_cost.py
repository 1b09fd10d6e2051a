"""What a row costs: `row_cost.py OUTPUT PROGRAMS [--readings N] [--before PROGRAM] COUNT...`
compares the exporter's readings with those of the least C programs, by turns and at the same
rhythm, with COUNT TIME_WAITs in the network namespace that it is started in. PROGRAMS is the folder
of reading_cost, sock_diag_floor, procfs_floor and timewait_generator. The result is
OUTPUT/rows.md."""

import argparse
import pathlib
import resource
import statistics
import subprocess

PAUSE, ROUNDS = 100, 3

TEXT = """# What a row costs

Written by `make bench`. Each program reads every 100 ms, by turns, so that all of them find equally
cold caches. The C programs do the least that a reading needs: `sock_diag_floor` counts states, and
`procfs_floor` reads both files without looking at a byte. `reading_cost` reads as the exporter
does, arrivals and destinations counted.

All figures are nanoseconds of CPU a row. "best" and "median" are of the readings of a run from the
third on. "over C" and "/ C" compare the best reading with that of the C program of the same run.
"user" and "kernel" are means, by the kernel's accounting of the process.
"""


def times(program, arguments, readings):
    """The readings of a run, each with its nanoseconds and rows, and the user and kernel time of
    the process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [program, str(readings), str(PAUSE), *arguments]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = (after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime)
    return [tuple(map(int, line.split())) for line in lines], spent


def run(program, arguments, readings):
    """Nanoseconds a row: of the best reading, of the median one, and user and kernel time in the
    mean."""
    # The first two readings fill the tables: what they and the start of the program cost is taken
    # off.
    _, start = times(program, arguments, 2)
    costs, whole = times(program, arguments, readings + 2)
    rows = costs[-1][1]
    spent = [max(0, end - begin) * 1e9 / readings / rows for begin, end in zip(start, whole, strict=True)]
    nanoseconds = [cost / rows for cost, _ in costs[2:]]
    return min(nanoseconds), statistics.median(nanoseconds), *spent


def fill(generator, count):
    generator.stdin.write(f"grow {count}\n")
    generator.stdin.flush()
    assert generator.stdout.readline() == "ok\n"


def table(programs, readings):
    lines = [
        "| run | program | best | over C | / C | median | user | kernel |",
        "|----:|---------|-----:|-------:|----:|-------:|-----:|-------:|",
    ]
    for number in range(1, ROUNDS + 1):
        least = {}
        for name, source, program, arguments in programs:
            best, median, user, kernel = run(program, arguments, readings)
            floor = least.setdefault(source, best)
            lines.append(
                f"| {number} | {name} | {best:.1f} | {best - floor:.1f} | {best / floor:.2f} | {median:.1f} "
                f"| {user:.1f} | {kernel:.1f} |"
            )
            print(lines[-1], flush=True)
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--readings", type=int, default=20)
    parser.add_argument("--before", help="an older reading_cost, to compare with")
    parser.add_argument("counts", type=int, nargs="+")
    flags = parser.parse_args()
    ours, here = flags.programs / "reading_cost", flags.programs
    programs = [("C, sock_diag", "sock_diag", here / "sock_diag_floor", [])]
    if flags.before:
        programs.append(("exporter before, sock_diag", "sock_diag", flags.before, []))
    programs += [
        ("exporter, sock_diag", "sock_diag", ours, []),
        ("C, procfs", "procfs", here / "procfs_floor", []),
        ("exporter, procfs", "procfs", ours, ["procfs"]),
    ]
    # What the generator's clients send to its listeners must not get there:
    # timewait_generator/main.c.
    chain = "add chain ip benchmark input { type filter hook input priority -300; }"
    rule = "add rule ip benchmark input ip saddr 127.1.0.0/16 ip daddr 127.0.0.1 tcp dport 8080-8087 drop"
    subprocess.run(["nft", f"add table ip benchmark; {chain}; {rule}"], check=True)
    generator = subprocess.Popen([here / "timewait_generator"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    text = TEXT
    try:
        for count in flags.counts:
            fill(generator, count)
            # A run takes the C program a tenth of a second per 400,000 rows, and procfs ten times
            # that.
            readings = max(5, flags.readings * 100_000 // max(count, 100_000))
            text += f"\n## {count:,} TIME_WAITs\n\n" + table(programs, readings)
    finally:
        generator.kill()
        generator.wait()
    (flags.output / "rows.md").write_text(text)


main()
