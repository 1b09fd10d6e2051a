"""What a row costs: `row_cost.py READING_COST FLOOR [NAME=PROGRAM...]` runs the C loop and ours by turns, at the same
rhythm, in the network namespace that it is started in, and prints a table. User and kernel time are those of the whole
process, divided by its readings."""

import resource
import statistics
import subprocess
import sys

READINGS, PAUSE, ROUNDS = 20, 100, 3


def run(program):
    """Nanoseconds a row: of the best reading, of the median one, and user and kernel time in the mean."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    lines = subprocess.run([program, str(READINGS), str(PAUSE)], check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # The first two readings fill the tables.
    costs = [(int(cost) / int(rows), int(rows)) for cost, rows in (line.split() for line in lines.splitlines()[2:])]
    rows = costs[-1][1]
    times = [
        (end - start) * 1e9 / READINGS / rows
        for start, end in ((before.ru_utime, after.ru_utime), (before.ru_stime, after.ru_stime))
    ]
    nanoseconds = [cost for cost, _ in costs]
    return rows, min(nanoseconds), statistics.median(nanoseconds), *times


def main():
    ours, floor, *others = sys.argv[1:]
    programs = [("C", floor), *(other.split("=", 1) for other in others), ("timewait_exporter", ours)]
    print("| run | program | sockets | best, ns a row | over C | / C | median | user | kernel |")
    print("|----:|---------|--------:|---------------:|-------:|----:|-------:|-----:|-------:|")
    for number in range(1, ROUNDS + 1):
        least = None
        for name, program in programs:
            rows, best, median, user, kernel = run(program)
            least = least or best
            cells = (best, best - least, best / least, median, user, kernel)
            print(f"| {number} | {name} | {rows} | {' | '.join(f'{cell:.3g}' for cell in cells)} |")


main()
