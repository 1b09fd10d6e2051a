"""A random network namespace: addresses, links, routes, sysctls, and what its services are
called."""

import contextlib
import ipaddress
import random
import socket

import kernel
from namespaces import Namespace, ip

# What a world may have beside plain addresses, and how often. --without leaves one out.
FEATURES = {
    "own_table": 0.8,  # a socket hash of its own: readings are cheap, and other worlds are not in it
    "remote": 0.75,  # another host, over veth
    "second_link": 0.5,  # a second link to it, with the same link-local addresses
    "anyip4": 0.4,
    "anyip6": 0.4,
    "dummy": 0.5,
    "ipv6": 0.94,
    "tproxy_route": 0.35,  # a route of type local in another table, which is nobody's own address
    "foreign": 0.4,  # connections whose local address is not the host's, as a transparent proxy accepts them
    "reserved": 0.6,
    "services": 0.8,
    "bound": 0.6,  # sockets that are only bound, and UDP
    "devices": 0.4,  # SO_BINDTODEVICE
    "reuse": 0.6,  # tcp_tw_reuse as it is, or 1; else 0
    "squatters": 0.7,
    "vanishing": 0.8,
    "changes": 0.25,  # sysctls change while the exporters run
    "limits": 0.4,  # few series are allowed
    "bucket_limit": 0.15,
    "self_connected": 0.4,
    "odd_states": 0.5,  # SYN_SENT, SYN_RECV, FIN_WAIT1, CLOSING, LAST_ACK
}

FOREIGN4, FOREIGN6 = ipaddress.ip_network("203.0.113.0/24"), ipaddress.ip_network("2001:db8:f::/64")
# Where the exporters serve, and where this program asks them from.
OWN_PORTS = range(11050, 11070)


class World:
    """Names of addresses and ports from which traffic is made. `here` is the host, `there` the
    remote one."""

    def __init__(self, seed, without=()):
        rng = random.Random(f"{seed}/world")
        self.has = {name: rng.random() < share for name, share in FEATURES.items()}
        for name in without:
            self.has[name] = False
        for name in ("second_link", "foreign"):
            self.has[name] &= self.has["remote"]
        self.there = Namespace() if self.has["remote"] else None
        if self.has["own_table"]:
            Namespace()
            kernel.write_sysctl("tcp_child_ehash_entries", rng.choice([512, 4096, 65536]))
        self.here = Namespace()
        self.links = []
        self.draw_addresses(rng)
        self.draw_range(rng)
        self.draw_sysctls(rng)
        self.draw_ports(rng)

    # Addresses.

    def draw_addresses(self, rng):
        v6 = self.has["ipv6"]
        commands = ["link set lo up"]
        self.own4 = ["127.0.0.1", "127.0.0.2", "127.200.0.9"]
        self.own6 = ["::1"] if v6 else []
        self.peers4, self.peers6, self.links_local = [], [], []
        if not v6:
            for scope in "all", "default", "lo":
                with open(f"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6", "w") as file:
                    file.write("1")
        for number in range(rng.randrange(3)):
            commands.append(f"addr add 10.9.0.{number + 1}/32 dev lo")
            self.own4.append(f"10.9.0.{number + 1}")
            if v6:
                commands.append(f"addr add 2001:db8:9::{number + 1}/128 dev lo nodad")
                self.own6.append(f"2001:db8:9::{number + 1}")
        if self.has["dummy"]:
            # One end of a pair: not every kernel has dummy links.
            commands += ["link add dummy0 type veth peer name dummy1", "link set dummy0 addrgenmode none"]
            commands += ["link set dummy1 addrgenmode none", "link set dummy1 up", "link set dummy0 up"]
            commands.append("addr add 172.16.5.1/24 dev dummy0")
            self.own4.append("172.16.5.1")
            if v6:
                commands.append("addr add fd00:5::1/64 dev dummy0 nodad")
                self.own6.append("fd00:5::1")
        if self.has["anyip4"]:
            commands.append("route add local 10.1.0.0/16 dev lo")
            self.own4 += ["10.1.2.3", "10.1.200.1"]
        if self.has["anyip6"] and v6:
            commands.append("-6 route add local 2001:db8:a::/64 dev lo")
            self.own6 += ["2001:db8:a::5", "2001:db8:a::dead:beef"]
        if self.has["tproxy_route"]:
            commands += ["rule add fwmark 1 lookup 100", "route add local 0.0.0.0/0 dev lo table 100"]
            if v6:
                commands += ["-6 rule add fwmark 1 lookup 100", "-6 route add local ::/0 dev lo table 100"]
        ip(commands)
        if self.has["remote"]:
            self.draw_links(v6)

    def draw_links(self, v6):
        there = ["link set lo up"]
        here = []
        for number in range(1, 2 + self.has["second_link"]):
            here += [
                f"link add eth{number} type veth peer name p{number} netns {self.there.path}",
                f"link set eth{number} addrgenmode none",
            ]
            there.append(f"link set p{number} addrgenmode none")
        ip(here)
        with self.there.visited(self.here):
            ip(there + [f"link set p{number} up" for number in range(1, 2 + self.has["second_link"])])
        here, there = [], []
        for number in range(1, 2 + self.has["second_link"]):
            here += [f"link set eth{number} up", f"addr add 198.18.{number}.1/24 dev eth{number}"]
            there.append(f"addr add 198.18.{number}.2/24 dev p{number}")
            self.own4.append(f"198.18.{number}.1")
            self.peers4.append(f"198.18.{number}.2")
            self.links.append(f"eth{number}")
            if v6:
                here += [
                    f"addr add 2001:db8:{number}::1/64 dev eth{number} nodad",
                    f"addr add fe80::1/64 dev eth{number} nodad",
                ]
                there += [
                    f"addr add 2001:db8:{number}::2/64 dev p{number} nodad",
                    f"addr add fe80::2/64 dev p{number} nodad",
                ]
                self.own6.append(f"2001:db8:{number}::1")
                self.peers6.append(f"2001:db8:{number}::2")
        if self.has["foreign"]:
            there.append(f"route add {FOREIGN4} via 198.18.1.1")
            here += ["rule add iif eth1 lookup 101", f"route add local {FOREIGN4} dev lo table 101"]
            if v6:
                there.append(f"-6 route add {FOREIGN6} via 2001:db8:1::1")
                here += ["-6 rule add iif eth1 lookup 101", f"-6 route add local {FOREIGN6} dev lo table 101"]
        ip(here)
        with self.there.visited(self.here):
            ip(there)
        self.indices = {name: socket.if_nametoindex(name) for name in self.links}
        with self.there.visited(self.here):
            self.indices_there = {f"eth{n + 1}": socket.if_nametoindex(f"p{n + 1}") for n in range(len(self.links))}

    # Sysctls.

    def draw_range(self, rng):
        kind = rng.choice(["one", "tiny", "odd", "small", "middle", "middle", "wide", "default"])
        size = {
            "one": 1,
            "tiny": rng.choice([2, 3, 4]),
            "odd": rng.randrange(5, 41, 2),
            "small": rng.randrange(6, 40),
            "middle": rng.randrange(40, 300),
            "wide": rng.randrange(1000, 9000),
            "default": 28232,
        }[kind]
        self.low = 32768 if kind == "default" else rng.randrange(20000, 60000 - size)
        self.range = range(self.low, self.low + size)
        self.reserved = set()
        if self.has["reserved"]:
            self.reserved |= set(rng.sample(self.range, min(size, rng.choice([0, 1, 1, 2, 5]))))
            if rng.random() < 0.3:
                start = rng.choice(self.range)
                self.reserved |= set(range(start, min(start + rng.randrange(20), 65535)))
            if rng.random() < 0.4:
                self.reserved |= {rng.randrange(1, 65536) for _ in range(rng.choice([1, 3, 40]))}
            if rng.random() < 0.04:
                self.reserved |= set(self.range)
        kernel.write_sysctl("ip_local_port_range", f"{self.range[0]} {self.range[-1]}")
        self.reserve(self.reserved)

    def reserve(self, ports):
        """Replaces the list of reserved ports: in one write, so that no other list is ever in
        force."""
        text, last = [], None
        for port in sorted(ports):
            if last is not None and port == last + 1:
                text[-1] = f"{text[-1].partition('-')[0]}-{port}"
            else:
                text.append(str(port))
            last = port
        joined = ",".join(text)
        assert len(joined) < 4095, "more than one write() takes"
        kernel.write_sysctl("ip_local_reserved_ports", joined or "\n")

    def draw_sysctls(self, rng):
        self.reuse = rng.choice([1, 2, 2]) if self.has["reuse"] else 0
        kernel.write_sysctl("tcp_tw_reuse", self.reuse)
        self.timestamps = 0 if rng.random() < 0.15 else 1
        kernel.write_sysctl("tcp_timestamps", self.timestamps)
        with contextlib.suppress(FileNotFoundError):
            kernel.write_sysctl("tcp_tw_reuse_delay", rng.choice([1, 300, 1000, 1000, 5000, 30000]))
        kernel.write_sysctl("tcp_fin_timeout", rng.choice([20, 30, 60, 60, 90, 120]))
        if self.has["bucket_limit"]:
            kernel.write_sysctl("tcp_max_tw_buckets", rng.choice([3, 10, 40]))
        # Whether the remote host has timestamps cannot be seen. Where it has none, its TIME_WAITs
        # are surely not reusable.
        self.timestamps_there = 1 if rng.random() < 0.3 else 0
        if self.there:
            with self.there.visited(self.here):
                kernel.write_sysctl("tcp_timestamps", self.timestamps_there)

    # Ports.

    def draw_ports(self, rng):
        outside = [port for port in range(2000, 20000) if port not in self.reserved and port not in OWN_PORTS]
        self.outside = rng.sample(outside, 60)
        inside = [port for port in self.range if port not in self.reserved]
        self.inside = rng.sample(inside, min(len(inside), 12))
        reserved_inside = sorted(self.reserved & set(self.range))
        self.reserved_inside = rng.sample(reserved_inside, min(len(reserved_inside), 6))
        self.services = []
        if self.has["services"]:
            pool = self.outside[:3] + self.inside[:3] + self.reserved_inside[:2]
            self.services = sorted(rng.sample(pool, rng.randrange(1, len(pool) + 1)))

    def port(self, rng):
        """A port for a service: often one that can be lost."""
        pools = [self.outside[:12], self.inside, self.reserved_inside, self.services]
        return rng.choice(rng.choice([pool for pool in pools if pool]))

    def flags(self, rng):
        flags = []
        if self.services:
            flags.append("--services.ports=" + ",".join(map(str, self.services)))
        self.ports_limit = self.destinations_limit = None
        self.peers_limit = rng.choice([0, 0, 1, 3, 100])
        flags.append(f"--peers.limit={self.peers_limit}")
        self.ports_limit, self.destinations_limit = 100, 10
        if self.has["limits"]:
            self.ports_limit = rng.choice([0, 1, 3, 6])
            self.destinations_limit = rng.choice([0, 1, 4])
        flags += [f"--ports.limit={self.ports_limit}", f"--destinations.limit={self.destinations_limit}"]
        return flags
