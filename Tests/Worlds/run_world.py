"""Makes one random world, has an exporter of each source read it, and compares their pages with the
oracle: SEED FOLDER."""

import ipaddress
import random
import resource
import sys
import time

from kernel import BOUND_INACTIVE
from oracle import Memory, Reading, View
from pages import BadPage, Exporter
from traffic import Traffic
from world import World

# Deeds and how often each is drawn, by the feature that they need.
DEEDS = {
    "listen": (4, None),
    "connect": (12, None),
    "finish_later": (3, None),
    "bind_only": (1, "bound"),
    "udp": (1, "bound"),
    "self_connect": (1, "self_connected"),
    "vanish": (2, "vanishing"),
    "come_back": (1, "vanishing"),
    "squat": (2, "squatters"),
    "odd_state": (1, "odd_states"),
}
# How many deeds each phase has, and which. Who owns a socket on a port whose service has gone is
# known only where a reading saw the service and its connections, and the service at the other end:
# so services come first, then some go and nothing else happens, then others take their ports.
COMING = [name for name in DEEDS if name not in ("vanish", "come_back", "squat")]
TAKING = [name for name in DEEDS if name not in ("vanish", "listen")]
PHASES = [(30, COMING), (8, COMING), (3, ["vanish"]), (12, TAKING)]


def act(world, traffic, rng, count, deeds):
    possible = {name: share for name, (share, need) in DEEDS.items() if name in deeds and (need is None or world.has[need])}
    for _ in range(count if possible else 0):
        what = rng.choices(list(possible), list(possible.values()))[0]
        if what == "listen" and world.there and rng.random() < 0.4:
            traffic.deed("listen", False)
        elif what == "connect":
            traffic.deed("connect", rng.choice([1, 1, 2, 5, 20]))
        else:
            traffic.deed(what)
    traffic.complete()


class Bound:
    """The sockets that are only bound, and since when they are the same ones: the exporter reads
    them less often."""

    def __init__(self):
        self.rows, self.since = None, 0.0

    def note(self, reading):
        rows = sorted(str(row.tuple) for row in reading.rows if row.state == BOUND_INACTIVE)
        if rows != self.rows:
            self.rows, self.since = rows, reading.now


def still_pages(world, bound, exporters, seconds=100):
    """A reading of the oracle, and the pages that were read while nothing changed."""
    end = time.monotonic() + seconds
    while True:
        before = Reading(time.time(), world)
        bound.note(before)
        pages = [one.page_since(before.now, bound.since, 60) for one in exporters]
        after = Reading(time.time(), world)
        if before.still == after.still:
            return before, after, pages
        assert time.monotonic() < end, "the table does not come to rest"


def compare(reading, after, memory, traffic, exporter, page):
    """Lines that say what differs."""
    if exporter.source == "procfs" and has_twins(reading):
        return []
    view = View(reading, memory, traffic, exporter.source)
    later = View(after, memory, traffic, exporter.source)
    found = []

    def check(name, wanted, of_page=None):
        shown = page.family(name) if of_page is None else of_page
        for key in sorted(wanted.keys() | shown.keys()):
            low, high = wanted.get(key, (None, None))
            value = shown.get(key)
            if low is None or value is None or not low - 1e-9 <= value <= high + 1e-9:
                found.append(f"{exporter.source}: {name}{dict(key)}: the oracle says {low}..{high}, the page {value}")

    expected, expected_later = view.expected(), later.expected()
    for name, wanted in expected.items():
        # A TIME_WAIT may have become old enough to be reused in between.
        both = {
            key: (min(wanted[key][0], expected_later[name][key][0]), max(wanted[key][1], expected_later[name][key][1]))
            for key in wanted
        }
        check(name, both)
    ports = {int(dict(key)["port"]) for key in page.family("timewait_port_listeners")}
    for name, wanted in view.expected_of_ports(ports).items():
        check(name, wanted)
    shown = {port for port in ports if port in view.listening}
    omitted = page.value("timewait_omitted_ports")
    if omitted != len(view.listening) - len(shown):
        found.append(f"{exporter.source}: timewait_omitted_ports is {omitted}, listening {len(view.listening)}")
    readings = []
    for one in view, later:
        destinations = {}
        for (source, address, port, device), counts in one.destinations().items():
            destinations[one.text(source, device), one.zoned(address, device), str(port)] = counts
        readings.append(destinations)
    for labels, value in page.family("timewait_destination_ports_used").items():
        parts = dict(labels)
        key = parts["source_address"], parts["destination_address"], parts["destination_port"]
        state = parts["state"]
        counts = [destinations.get(key, {}) for destinations in readings]
        # What is old enough to be reused grows between the two.
        low = min(one.get(state, 0) for one in counts)
        high = max(one.get(state, 0) + (one.get("unknown", 0) if state != "live" else 0) for one in counts)
        if not low <= value <= high:
            found.append(f"{exporter.source}: destination {parts}: the oracle says {low}..{high}, the page {value}")
    return found


def has_twins(reading):
    """Whether two sockets have the same four ends on two interfaces: procfs shows no interface, and
    so one row twice."""
    ends = [row.tuple for row in reading.rows if row.remote_port]
    return len(ends) != len(set(ends))


def main(seed, folder):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    world = World(seed)
    traffic = Traffic(world, seed)
    rng = random.Random(f"{seed}/deeds")
    act(world, traffic, rng, *PHASES[0])
    flags = world.flags(random.Random(f"{seed}/flags"))
    exporters = [
        Exporter(folder, source, 11050 + number, 11060 + number, flags)
        for number, source in enumerate(["sock_diag", "procfs"])
    ]
    memory, bound, differences = Memory(), Bound(), []
    try:
        for exporter in exporters:
            (here, port), (there, there_port) = exporter.connect()
            traffic.dialed.add((ipaddress.ip_address(here), port, ipaddress.ip_address(there), there_port))
        for phase, deeds in enumerate(PHASES):
            if phase:
                act(world, traffic, rng, *deeds)
            reading, after, pages = still_pages(world, bound, exporters)
            memory.note(reading)
            for exporter, page in zip(exporters, pages):
                differences += [
                    f"phase {phase}: {line}" for line in compare(reading, after, memory, traffic, exporter, page)
                ]
            if differences:
                print("\n".join(differences[:25]))
                print(f"flags: {flags}; range {reading.range}, reserved {sorted(reading.reserved)[:20]}")
                print(f"own addresses: {world.own4} {world.own6}")
                for row in reading.rows[:150]:
                    seen = [
                        name
                        for name, known in [("dialed", traffic.dialed), ("accepted", memory.accepted)]
                        if row.tuple in known
                    ]
                    print(row, *seen)
                print("\n".join(f"listened on port {port}: {ends}" for port, ends in memory.ends.items()))
                return 1
    except BadPage as error:
        print(error)
        return 1
    finally:
        for exporter in exporters:
            exporter.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2]))
