"""2,000 idle connections and 500 that send a byte a second do not hold up a scrape, and leave
nothing behind."""

import socket
import statistics
import subprocess
import threading
import time

from client import request
from exporter import Exporter, mebibytes, poll

IDLE, SLOW = 2_000, 500


class Crowd(threading.Thread):
    """Keeps them up: who is closed by the server comes again."""

    def __init__(self, exporter):
        super().__init__(daemon=True)
        self.exporter = exporter
        self.idle = []
        self.slow = {}
        self.over = threading.Event()
        self.cut = 0

    def connect(self, number):
        one = socket.socket()
        one.bind((f"127.0.{number % 250 + 1}.1", 0))
        one.connect(self.exporter.address)
        return one

    def __enter__(self):
        for number in range(IDLE):
            one = self.connect(number)
            one.sendall(request("/-/healthy"))
            assert b"200 OK" in one.recv(4096)
            self.idle.append(one)
        self.slow = {number: [self.connect(number), 0] for number in range(SLOW)}
        self.start()
        return self

    def run(self):
        data = request("/metrics?" + "x" * 1000)
        while not self.over.wait(1):
            for number, entry in self.slow.items():
                one, sent = entry
                try:
                    one.send(data[sent : sent + 1])
                    one.setblocking(False)
                    ended = one.recv(1) == b""
                except BlockingIOError:
                    ended = False
                except ConnectionError:
                    ended = True
                entry[1] += 1
                if ended:
                    one.close()
                    self.slow[number] = [self.connect(number), 0]
                    self.cut += 1

    def __exit__(self, *_):
        self.over.set()
        self.join()
        for one in [*self.idle, *(one for one, _ in self.slow.values())]:
            one.close()


def scrapes(exporter, count, *words):
    """How long curl waits for each of some scrapes, in seconds; kept connections are told apart by
    the caller."""
    pages = ["-o", "/dev/null", exporter.url()] * count
    command = ["curl", "-sS", "--fail", "-w", "%{time_total}\n", *words, *pages]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [float(line) for line in told.splitlines()]


def beside_a_crowd(exporter, seconds):
    """How long scrapes take meanwhile on a kept and on a new connection, and the memory at the
    end."""
    # The connection of a client that has just ended may still be there, or a file that the sampler
    # reads.
    files = min(exporter.open_files() for _ in range(10) if not time.sleep(0.05))
    kept, new, inside = [], [], []
    with Crowd(exporter) as crowd:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            inside.append(exporter.open_files() - files)
            # The first makes the connection, which the others use again.
            kept += scrapes(exporter, 5)[1:]
            new += scrapes(exporter, 1)
            time.sleep(0.3)
        # The slow ones had their ten seconds, and came again.
        assert crowd.cut >= SLOW
        assert min(inside) >= IDLE
        assert max(inside) >= IDLE + SLOW
        memory = exporter.memory()
    poll("they are gone", lambda: exporter.open_files() <= files, 15)
    return kept, new, memory


def test_scrapes_are_answered_beside_a_crowd_and_all_is_as_before_it(tmp_path):
    # When nearly full, idle ones would be closed.
    flags = [f"--web.max-connections={(IDLE + SLOW + 100) * 8 // 7 + 8}", "--web.max-connections-per-address=100"]
    with Exporter.started(tmp_path, *flags) as exporter:
        scrapes(exporter, 20)
        before = exporter.memory()
        kept, new, most = beside_a_crowd(exporter, 15)
        assert statistics.median(kept) < 0.1
        assert statistics.median(new) < 0.1
        after = exporter.memory()
        # malloc() keeps some of what was freed.
        assert after < before + (most - before) / 4 + mebibytes(1)
        beside_a_crowd(exporter, 15)
        assert exporter.memory() < after + mebibytes(1)
        assert exporter.get().status == 200
