"""What the page must say of a world: computed from the kernel's tables by the metric contract,
without the exporter."""

import collections
import dataclasses
import ipaddress
import socket

import kernel
from kernel import BOUND_INACTIVE, CLOSE_WAIT, ESTABLISHED, LISTEN, NEW_SYN_RECV, STATES, TIME_WAIT
from pages import labels

LOOPBACK4, LOOPBACK6 = ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_address("::1")
PORT_OWNERS = [("server", "local"), ("server", "remote"), ("client", "local")]
# Timers of the kernel round up, by 4.096 s at most.
ROUNDING = 4.1


@dataclasses.dataclass(frozen=True)
class End:
    """Where a service listens."""

    address: object
    port: int
    v6only: bool
    device: int

    def takes(self, address):
        if self.address == kernel.ANY6:
            return address.version == 6 or not self.v6only
        if self.address == kernel.ANY4:
            return address.version == 4
        return self.address == address


class Reading:
    """All that the kernel tells at one moment."""

    def __init__(self, now, world):
        self.now = now
        self.world = world
        self.rows = kernel.sockets()
        self.own = kernel.own_networks()
        self.own_addresses = {network.network_address for network in self.own if network.num_addresses == 1}
        self.own_prefixes = [network for network in self.own if network.num_addresses > 1]
        low, high = map(int, kernel.sysctl("ip_local_port_range").split())
        self.range = range(low, high + 1)
        self.reserved = kernel.port_list(kernel.sysctl("ip_local_reserved_ports"))
        self.reuse = int(kernel.sysctl("tcp_tw_reuse"))
        self.timestamps = int(kernel.sysctl("tcp_timestamps"))
        try:
            self.reuse_delay = int(kernel.sysctl("tcp_tw_reuse_delay"))
        except FileNotFoundError:
            self.reuse_delay = 2000
        self.udp = kernel.udp_ports()
        self.netstat = kernel.netstat()
        self.sockstat = kernel.sockstat()

    @property
    def still(self):
        """What must be the same before and after a page."""
        parts = (
            self.range,
            self.reserved,
            self.own,
            self.udp,
            self.netstat["TWRecycled"],
            self.netstat["TCPTimeWaitOverflow"],
        )
        return [row.still for row in self.rows], self.sockstat, self.entries, parts, (self.reuse, self.timestamps)

    @property
    def entries(self):
        return self.netstat["TW"] + self.netstat["TWKilled"]

    def is_own(self, address):
        return address in self.own_addresses or any(
            address.version == prefix.version and address in prefix for prefix in self.own_prefixes
        )


class Memory:
    """What earlier readings tell about this one. The exporter has to have seen the same: a page was
    compared after each."""

    def __init__(self):
        # Where anybody listened since the exporters run: no world lasts as long as that is
        # remembered.
        self.ends = {}
        # Where the service of each port listens, or did last.
        self.services = {}
        self.recurring = set()
        self.dialed_peak = 0
        self.buckets_peak = 0
        # TIME_WAITs that were there before the exporters, and those since: cookie to owners that
        # they had.
        self.baseline = None
        self.seen = {}
        # The ends of connections on a port that was listened on: a row does not say that one of
        # them was dialed from there.
        self.accepted = set()

    def note(self, reading):
        """Takes in a reading."""
        self.note_listeners(reading)
        listening = {row.local_port for row in reading.rows if row.state == LISTEN}
        self.accepted |= {row.tuple for row in reading.rows if row.remote_port and row.local_port in listening}

    def note_listeners(self, reading):
        present = collections.defaultdict(set)
        for row in reading.rows:
            if row.state == LISTEN:
                present[row.local_port].add(End(row.local, row.local_port, row.v6only, row.device))
        for port, ends in present.items():
            before = self.ends.setdefault(port, {})
            if before and not any(before.values()):
                self.recurring.add(port)
            for end in ends:
                before[end] = True
            # Another program on another address is not the service.
            if port not in self.services or ends & self.services[port]:
                self.services[port] = ends
        for port, ends in self.ends.items():
            for end in ends:
                ends[end] = end in present.get(port, ())


class View:
    """A reading as one source of the exporter can see it."""

    def __init__(self, reading, memory, traffic, source):
        self.reading, self.memory, self.traffic = reading, memory, traffic
        self.has_sock_diag = source == "sock_diag"
        self.rows = [row for row in reading.rows if self.has_sock_diag or row.state != BOUND_INACTIVE]
        self.listen_rows = [row for row in self.rows if row.state == LISTEN]
        self.listening = {row.local_port for row in self.listen_rows}
        self.ends = collections.defaultdict(list)
        for port, ends in memory.ends.items():
            # procfs does not tell that a listener takes IPv6 only.
            self.ends[port] = [end if self.has_sock_diag else dataclasses.replace(end, v6only=False) for end in ends]
        self.owners = {row: self.owner(row) for row in self.rows if row.state == TIME_WAIT}
        self.find_usable()

    # Rows.

    def is_outgoing(self, row):
        return row.tuple in self.traffic.dialed and row.tuple not in self.memory.accepted

    def is_listened(self, address, port, device=None):
        """Whether somebody listens there, or did; device: of what was accepted, which is bound to
        the interface that its listener is bound to."""
        ends = self.ends.get(port, ())
        return any(end.takes(address) and (device is None or end.device in (0, device)) for end in ends)

    def belongs(self, row):
        """Whether a row is this host's end of a connection to a service, which may have
        vanished."""
        return self.reading.is_own(row.local) and self.was_accepted(row)

    def was_accepted(self, row):
        """Whether a service accepted a row, also on an address of another host. connect() passes
        the port over for as long as the row is there: its bucket keeps the mark of the listener."""
        if row.state in (LISTEN, NEW_SYN_RECV, BOUND_INACTIVE):
            return False
        if row.local_port not in self.listening and self.is_outgoing(row):
            return False
        # procfs shows no interface.
        return self.is_listened(row.local, row.local_port, row.device if self.has_sock_diag else None)

    def owner(self, row):
        """(role, peer, service's port) of a TIME_WAIT."""
        peer = "local" if self.reading.is_own(row.remote) else "remote"
        if not self.reading.is_own(row.local):
            return "other", peer, None
        if self.belongs(row):
            return "server", peer, row.local_port
        if peer == "local" and self.is_listened(row.remote, row.remote_port):
            return "client", peer, row.remote_port
        return ("client" if row.local_port in self.reading.range else "other"), peer, None

    def is_reusable(self, row):
        """Whether the next connect() is known to be able to take over a TIME_WAIT: True, False, or
        None for unknown."""
        reading = self.reading
        if not reading.timestamps or not reading.reuse or 60000 - row.expires <= reading.reuse_delay:
            return False
        is_loopback = row.device == 1 and self.has_sock_diag
        for one in row.local, row.remote:
            is_loopback |= one == LOOPBACK6 or (one.version == 4 and one in LOOPBACK4)
        if reading.reuse == 2 and not is_loopback:
            return False
        if reading.is_own(row.remote):
            return True
        return None if reading.world.timestamps_there else False

    # Ports of the range.

    def find_usable(self):
        reading = self.reading
        bound = {row.local_port for row in self.rows if row.state == BOUND_INACTIVE}
        self.left_over = {row.local_port for row in self.rows if self.was_accepted(row)} - self.listening
        self.usable = set(reading.range) - reading.reserved - self.listening - bound - self.left_over
        strongest = {}
        self.using = []
        for row in self.rows:
            if row.state in (NEW_SYN_RECV, LISTEN, BOUND_INACTIVE) or row.local_port not in self.usable:
                continue
            if not reading.is_own(row.local):
                continue
            self.using.append(row)
            rank = {ESTABLISHED: 2, TIME_WAIT: 0}.get(row.state, 1)
            strongest[row.local_port] = max(rank, strongest.get(row.local_port, 0))
        self.strongest = strongest

    def half(self, ports, parity):
        return sum(1 for port in ports if port % 2 == parity % 2)

    def text(self, address, device):
        if device and address.version == 6 and address.is_link_local:
            return f"{address}%{socket.if_indextoname(device)}"
        return str(address)

    def zoned(self, address, device):
        """A destination's address with the interface that sockets towards it are bound to."""
        return f"{address}%{socket.if_indextoname(device)}" if device else str(address)

    def destinations(self):
        """By (source, address, port, device): ports by state."""
        found = collections.defaultdict(collections.Counter)
        for row in self.using:
            device = row.device if self.has_sock_diag else 0
            key = row.local, row.remote, row.remote_port, device
            if row.state != TIME_WAIT:
                found[key]["live"] += 1
            else:
                reusable = self.is_reusable(row)
                found[key]["unknown" if reusable is None else "reusable" if reusable else "time_wait"] += 1
        return found

    # Families.

    def expected(self):
        """Families that depend on nothing but the tables: name to labels to (lowest, highest)
        value."""
        reading = self.reading
        found = collections.defaultdict(dict)

        def put(name, value, **parts):
            found[name][labels(**parts)] = value, value

        table = collections.Counter()
        for row in self.rows:
            table["ipv4" if row.local.version == 4 else "ipv6", STATES[row.state]] += 1
        for family in "ipv4", "ipv6":
            for state in set(STATES.values()):
                if state != "bound_inactive" or self.has_sock_diag:
                    put("timewait_table_sockets", table[family, state], family=family, state=state)
        owners = collections.Counter((role, peer) for role, peer, _ in self.owners.values())
        for role in "server", "client", "other":
            for peer in "local", "remote":
                put("timewait_sockets", owners[role, peer], role=role, peer=peer)
        put("timewait_orphan_fin_wait2_sockets", sum(row.is_orphan for row in self.rows))
        put("timewait_buckets", reading.sockstat["tw"])
        put("timewait_buckets_limit", int(kernel.sysctl("tcp_max_tw_buckets")))
        put("timewait_inuse_sockets", reading.sockstat["inuse"])
        put("timewait_untracked_sockets", 0)
        put("timewait_recycled_total", reading.netstat["TWRecycled"])
        put("timewait_overflow_total", reading.netstat["TCPTimeWaitOverflow"])
        put("timewait_duration_seconds", 60)
        connected = [row for row in self.rows if row.state not in (LISTEN, BOUND_INACTIVE)]
        put("timewait_self_connected_sockets", sum(row.tuple[:2] == row.tuple[2:] for row in connected))

        exposed = {port for port in self.listening if self.is_exposed(port)}
        inside = {port for port in self.listening if port in reading.range}
        put("timewait_listening_ports", len(exposed), exposure="exposed")
        put("timewait_listening_ports", len(inside - exposed), exposure="reserved")
        put("timewait_listening_ports", len(self.listening - inside), exposure="outside")
        put("timewait_dialed_listening_ports", self.dialed_ports)

        put("timewait_ephemeral_range_low", reading.range[0])
        put("timewait_ephemeral_range_high", reading.range[-1])
        put("timewait_ephemeral_ports", len(reading.range))
        put("timewait_ephemeral_ports_reserved", len(reading.reserved & set(reading.range)))
        put("timewait_ephemeral_ports_usable", len(self.usable))
        for rank, state in enumerate(("time_wait", "other", "established")):
            put("timewait_ephemeral_ports_used", sum(one == rank for one in self.strongest.values()), state=state)
        low = reading.range[0]
        for allocator, parity in ("connect", low), ("bind", low + 1):
            put("timewait_ephemeral_parity_ports", self.half(self.usable, parity), allocator=allocator)
            put("timewait_ephemeral_parity_ports_used", self.half(self.strongest, parity), allocator=allocator)
        put("timewait_reserved_ports", len(reading.reserved))
        inside = reading.reserved & set(reading.range)
        put("timewait_reserved_ports_idle", len(reading.reserved - inside), reason="out_of_range")
        put("timewait_reserved_ports_idle", len(inside - self.listening - reading.udp), reason="no_listener")
        put("timewait_udp_ephemeral_ports_used", len(reading.udp & set(reading.range)))

        put("timewait_sysctl_tcp_tw_reuse", reading.reuse)
        put("timewait_sysctl_tcp_timestamps", reading.timestamps)
        put("timewait_sysctl_tcp_fin_timeout_seconds", int(kernel.sysctl("tcp_fin_timeout")))
        destinations = self.destinations()
        used = [(c["live"] + c["time_wait"], c["live"] + c["time_wait"] + c["unknown"]) for c in destinations.values()]
        found["timewait_destination_ports_used_max"][()] = tuple(max(side, default=0) for side in zip(*used)) or (0, 0)
        put("timewait_destinations", len(destinations))
        put("timewait_destinations_estimated", 0)
        return found

    @property
    def dialed_ports(self):
        ports = {port for _, peer, port in self.owners.values() if peer == "local" and port is not None}
        return len(ports & self.listening)

    def is_exposed(self, port):
        return port in self.reading.range and port not in self.reading.reserved

    def expected_of_ports(self, ports):
        """The families timewait_port_* of these ports."""
        found = collections.defaultdict(dict)
        rows = collections.Counter()
        owners = collections.Counter(self.owners.values())
        for row in self.rows:
            if row.state == LISTEN:
                rows[row.local_port, "listeners"] += 1
                rows[row.local_port, "queue"] += row.receive_queue
                rows[row.local_port, "limit"] += row.send_queue
            elif self.belongs(row):
                rows[row.local_port, row.state] += 1
        for port in ports:

            def put(name, value, port=port, **parts):
                found[f"timewait_port_{name}"][labels(port=port, **parts)] = value, value

            put("listeners", rows[port, "listeners"])
            put("established", rows[port, ESTABLISHED])
            put("close_wait", rows[port, CLOSE_WAIT])
            put("accept_queue", rows[port, "queue"])
            if self.has_sock_diag:
                put("accept_queue_limit", rows[port, "limit"])
            is_known = port in self.reading.world.services or port in self.memory.recurring
            # Over procfs a service that comes back between two readings was never gone.
            was_reopened = port in self.traffic.reopened
            least = int(is_known or (was_reopened and self.has_sock_diag))
            found["timewait_port_recurring"][labels(port=port)] = least, int(is_known or was_reopened)
            put("exposed", int(self.is_exposed(port)))
            usable = self.half(self.usable, port)
            if not self.is_exposed(port):
                put("collision_ratio", 0)
            elif usable:
                put("collision_ratio", self.half(self.strongest, port) / usable)
            for role, peer in PORT_OWNERS:
                put("sockets", owners[role, peer, port], role=role, peer=peer)
        return found

    def peers(self):
        """By port and peer: TIME_WAIT and ESTABLISHED sockets of the service."""
        found = collections.defaultdict(collections.Counter)
        for row in self.rows:
            if row.state == ESTABLISHED and self.belongs(row):
                found[row.local_port][str(row.remote)] += 1
            elif row.state == TIME_WAIT:
                role, _, port = self.owners[row]
                if port is not None:
                    found[port][str(row.remote if role == "server" else row.local)] += 1
        return found

    def holders(self, port):
        """The sockets that hold a port on which nobody listens: (the service's own, others)."""
        rows = [row for row in self.rows if row.local_port == port and row.state not in (LISTEN, NEW_SYN_RECV)]
        own = [row for row in rows if row.state != BOUND_INACTIVE and not self.is_outgoing(row)]
        return own, [row for row in rows if row not in own]
