"""kill -9 at random moments while it is scraped and connections come and go. Each start serves its
first page soon, finds its port free, and its counters begin anew as Prometheus expects.

KILLS=200 .ci/run-python-tests Faults test_kills.py -s
SEED=7 repeats the moments of a run; LOAD=no leaves out scrapers and connections."""

import os
import pathlib
import random
import re
import signal
import statistics
import time

from host import Page
from scene import PORT, last_success

KILLS = int(os.environ.get("KILLS", 20))
SEED = int(os.environ.get("SEED", time.time_ns() % 1_000_000))
HAS_LOAD = os.environ.get("LOAD") != "no"

# The kernel's own, which go on.
OF_THE_KERNEL = {
    "timewait_entries_total",
    "timewait_expiries_total",
    "timewait_recycled_total",
    "timewait_overflow_total",
}

LOAD = """
import threading
ended = threading.Event()
asked = [0] * 4
def scrape(number):
    # Half of them on a connection that is kept, half on a new one each time.
    client = None
    while not ended.is_set():
        try:
            client = client or http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            client.request("GET", "/metrics")
            client.getresponse().read()
            asked[number] += 1
            time.sleep(0.01)
        except (OSError, http.client.HTTPException):
            client = client and client.close()
            time.sleep(0.002)
        if number % 2:
            client = client and client.close()
def churn():
    while not ended.is_set():
        leave(8082, 5)
        time.sleep(0.02)
threads = [threading.Thread(target=scrape, args=(number,), daemon=True) for number in range(4)]
threads.append(threading.Thread(target=churn, daemon=True))
for thread in threads:
    thread.start()
"""

FIRST_PAGE = """
def first_page():
    '''When the first page was there, it in both formats, and how often there was another answer.'''
    end, others = time.monotonic() + 30, 0
    while time.monotonic() < end:
        try:
            # A SYN that meets a TIME_WAIT of the process before, while nobody listens, is answered
            # by an ACK and not by a RST: the kernel would send it again after a second.
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=0.05)
            client.connect()
            client.sock.settimeout(30)
            client.request("GET", "/metrics")
            answer = client.getresponse()
            text = answer.read().decode()
            at = time.monotonic()
            if answer.status == 200:
                client.request("GET", "/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"})
                return at, text, client.getresponse().read().decode(), others
            others += 1
        except (OSError, http.client.HTTPException):
            pass
        finally:
            client.close()
        time.sleep(0.001)
    return None, "", "", others
"""


def counters(page):
    """The series of counters, and their values."""
    names = re.findall(r"^# TYPE (\S+) counter$", page.text, re.MULTILINE)
    return {(name, *sorted(labels.items())): value for name in names for labels, value in page.all(name)}


def waited(pid):
    """Milliseconds in which the main thread could have run, but no core was free."""
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e6


def number(value):
    """As the page writes it."""
    return str(int(value)) if value == int(value) else repr(value)


def check_start(spawned, before, page, openmetrics):
    """A first page, beside the last one of the process before.

    Returns: whether it was made of the first reading, so that its counters could be compared.
    """
    start = page.get("process_start_time_seconds")
    # The kernel counts it in hundredths of a second.
    assert spawned - 1 < start < time.time() + 1
    assert f"\nprocess_start_time_seconds {number(start)}\n" in openmetrics
    # It has none; Prometheus sees the fall, and process_start_time_seconds says why.
    assert "_created" not in openmetrics
    assert openmetrics.endswith("# EOF\n")
    assert start > before.get("process_start_time_seconds")
    if last_success(page, "sockstat") > start + 0.9:
        return False
    old = counters(before)
    for series, value in counters(page).items():
        if series[0] in OF_THE_KERNEL:
            assert value >= old.get(series, 0), series
        elif "cpu_seconds" in series[0]:
            # Of the start and one reading. The process before may have spent less until its page.
            assert value < 1, series
        elif series in old:
            assert value <= old[series], f"{series}: {value} after {old[series]}"
    assert page.get("timewait_exporter_http_requests_total", code=200) == 0
    return True


def test_after_kill_9_at_random_moments_each_start_serves_at_once_on_its_port(new_scene):
    print(f"\nSEED={SEED} KILLS={KILLS}")
    chance = random.Random(SEED)
    scene = new_scene()
    scene.await_page("everything is read", scene.is_whole)
    scene.host.do(FIRST_PAGE, port=PORT)
    if HAS_LOAD:
        scene.host.do(LOAD)
    before, times, waits, others, early, compared = scene.look(), [], [], 0, 0, 0
    for _ in range(KILLS):
        assert scene.process.poll() is None, scene.log()
        scene.process.kill()
        assert scene.process.wait(20) == -signal.SIGKILL
        spawned, begin = time.time(), time.monotonic()
        scene.start(serves=False)
        if chance.random() < 0.3:
            # While it starts.
            early += 1
            time.sleep(chance.uniform(0, 0.06))
            assert scene.process.poll() is None, scene.log()
            continue
        at, text, openmetrics, refused = scene.host.do("result = first_page()")
        assert at, scene.log()
        times.append(1000 * (at - begin))
        waits.append(waited(scene.pid))
        others += refused
        page = Page(text)
        compared += check_start(spawned, before, page, openmetrics)
        assert not scene.lines("level=ERROR"), scene.log()
        time.sleep(chance.uniform(0, 0.3))
        before = scene.look() or page
    assert compared > 0
    # A machine that is so busy that the first reading takes seconds answers 503.
    assert others <= KILLS // 4
    late, worst = statistics.quantiles(times, n=20, method="inclusive")[18], max(times)
    print(
        f"Its main thread waited for a core for {statistics.median(waits):.0f} ms (median) until then.\n"
        f"{KILLS} kills, {early} of them during its start; first page after {statistics.median(times):.0f} ms (median), "
        f"{late:.0f} ms at 95 %, {worst:.0f} ms at most, {sum(time > 100 for time in times)} times more than 100 ms"
    )
    if HAS_LOAD:
        assert sum(scene.host.do("ended.set(); result = asked")) > KILLS
    scene.await_page("everything is read", scene.is_whole)
    scene.stop()
