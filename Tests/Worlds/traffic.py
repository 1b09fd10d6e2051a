"""Random sockets of a world. Each deed draws from a generator of its own, so that one that the
kernel refuses, because no port is left, changes nothing in the next."""

import contextlib
import dataclasses
import ipaddress
import random
import select
import socket
import time

import kernel
import sockets
from world import FOREIGN4, FOREIGN6

FIRST = {"0.0.0.0": 4, "::": 4, "v6only": 3, "specific4": 4, "specific6": 3, "mapped": 1, "pair": 2}
ENDS = {
    "live": 4,
    "client_first": 7,
    "server_first": 7,
    "both_at_once": 2,
    "client_resets": 1,
    "server_resets": 1,
    "client_leaves": 3,
    "server_leaves": 3,
    "client_half": 1,
    "server_half": 1,
}


def drawn(rng, weights):
    return rng.choices(list(weights), list(weights.values()))[0]


@dataclasses.dataclass(eq=False)
class Listener:
    """A service: its sockets, more than one with SO_REUSEPORT."""

    family: int
    address: object
    port: int
    v6only: bool
    device: str | None
    is_here: bool
    transparent: bool
    backlog: int
    size: int
    accepts: bool
    is_impostor: bool = False
    sockets: list = dataclasses.field(default_factory=list)

    @property
    def takes4(self):
        if self.address == kernel.ANY6:
            return not self.v6only
        return self.address.version == 4

    @property
    def takes6(self):
        return self.address == kernel.ANY6 or (self.address.version == 6 and self.address != kernel.ANY6)

    @property
    def is_wildcard(self):
        return self.address in (kernel.ANY4, kernel.ANY6)

    def open(self):
        for _ in range(self.size):
            one = sockets.new(self.family, reuse_address=True, transparent=self.transparent, device=self.device)
            self.sockets.append(one)
            if self.family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(self.v6only))
            if self.size > 1:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            one.bind(sockets.name(self.family, self.address, self.port))
            one.listen(self.backlog)

    def close(self):
        for one in self.sockets:
            one.close()
        self.sockets = []


@dataclasses.dataclass(eq=False)
class Connection:
    listener: Listener
    client: socket.socket
    server: socket.socket | None
    is_from_here: bool
    is_live: bool = True


class Traffic:
    """Makes sockets, and knows which of them it dialed."""

    def __init__(self, world, seed):
        self.world, self.seed = world, seed
        self.number = 0
        self.listeners, self.gone, self.connections, self.others = [], [], [], []
        # (address, port, address, port) of every connection that was opened here, from its opener's
        # side.
        self.dialed = set()
        # Ends of connections that were closed at once by both, and are not done yet.
        self.unfinished = []
        # Squatters that set SO_REUSEADDR: the page takes nobody but the service to have done that.
        self.reusing_ports = set()
        self.lost_ports = set()
        # Ports on which a service listens again.
        self.reopened = set()

    def deed(self, what, *parameters):
        """Does one thing with a generator of its own; what the kernel refuses is not done."""
        self.number += 1
        rng = random.Random(f"{self.seed}/{self.number}/{what}")
        with contextlib.suppress(OSError):
            getattr(self, what)(rng, *parameters)

    # Services.

    def listen(self, rng, is_here=True):
        world = self.world
        kind = drawn(rng, FIRST)
        v6 = world.has["ipv6"]
        port = world.port(rng) if is_here else rng.choice(world.outside[40:])
        # A port on which another service listened before has deeds of its own: come_back and
        # impostor.
        if port in self.lost_ports:
            return
        size = rng.choice([1, 1, 1, 1, 2, 5])
        accepts = rng.random() < 0.85
        backlog = rng.choice([0, 1, 5, 128, 200, 4096]) if accepts else rng.choice([0, 3, 10])
        device = None
        if world.has["devices"] and rng.random() < 0.25:
            device = rng.choice(["lo", *world.links])
        transparent = world.has["foreign"] and is_here and rng.random() < 0.5
        own4 = world.own4 if is_here else world.peers4
        own6 = world.own6 if is_here else world.peers6
        wanted = []
        if kind in ("0.0.0.0", "pair") or not v6:
            wanted.append((kernel.ANY4, False))
        if v6 and kind in ("::", "v6only", "pair"):
            wanted.append((kernel.ANY6, kind != "::"))
        if v6 and kind == "specific6" and own6:
            wanted.append((ipaddress.ip_address(rng.choice(own6)), False))
        if v6 and kind in ("specific4", "mapped"):
            wanted.append((ipaddress.ip_address(rng.choice(own4)), False))
        for address, v6only in wanted:
            family = socket.AF_INET6 if address.version == 6 or kind == "mapped" else socket.AF_INET
            listener = Listener(
                family, address, port, v6only, device if is_here else None, is_here, transparent, backlog, size, accepts
            )
            self.open(listener)

    def open(self, listener):
        try:
            with self.at(listener.is_here):
                listener.open()
        except OSError:
            listener.close()
            raise
        self.listeners.append(listener)

    @contextlib.contextmanager
    def at(self, is_here):
        if is_here:
            yield
        else:
            with self.world.there.visited(self.world.here):
                yield

    def here(self, accepting=False):
        return [one for one in self.listeners if one.is_here and (one.accepts or not accepting)]

    # Connections.

    def connect(self, rng, times=1, listener=None, port=None, ending=None, address=None, reuse_address=False):
        """Some connections to one service, all of them with the same end."""
        world = self.world
        listener = listener or self.pick(rng)
        if not listener:
            return
        is_from_here = not (listener.is_here and world.there and rng.random() < 0.4) if port is None else True
        target, scope = self.target(rng, listener, is_from_here)
        if target is None:
            return
        ending = ending or drawn(rng, ENDS)
        how = self.manner(rng, target, scope, is_from_here, listener)
        if port is not None:
            how.update(port=port, address=address, late=False, device=None, reuse_address=reuse_address, transparent=False)
        for _ in range(times):
            try:
                connection = self.dial(listener, target, scope, is_from_here, how)
            except OSError:
                if times == 1:
                    raise
                break
            if connection.server:
                self.finish(rng, connection, ending)
            elif self.is_waiting(connection.client):
                break

    def pick(self, rng):
        """Somewhere to connect to; all of here as often as all of there."""
        here, there = self.here(), [one for one in self.listeners if not one.is_here]
        pools = [pool for pool in (here, here, there) if pool]
        return rng.choice(rng.choice(pools)) if pools else None

    def target(self, rng, listener, is_from_here):
        """An address of the service that the client's side reaches, and its scope if it needs
        one."""
        world = self.world
        if listener.is_here:
            own4, own6 = (world.own4, world.own6) if is_from_here else ([], [])
            if not is_from_here:
                own4 = [one for one in world.own4 if one.startswith("198.18.")]
                own6 = [one for one in world.own6 if one.startswith(("2001:db8:1:", "2001:db8:2:"))]
                if listener.transparent and rng.random() < 0.6:
                    own4 = [str(FOREIGN4[rng.randrange(1, 4)])]
                    own6 = [str(FOREIGN6[rng.randrange(1, 4)])] if world.has["ipv6"] else []
        else:
            own4, own6 = world.peers4, world.peers6
        if not listener.is_wildcard:
            return listener.address, 0
        found = [ipaddress.ip_address(one) for one in own4 if listener.takes4]
        found += [ipaddress.ip_address(one) for one in own6 if listener.takes6]
        crosses = listener.is_here != is_from_here
        if listener.takes6 and crosses and world.has["ipv6"] and rng.random() < 0.3:
            indices = world.indices if is_from_here else world.indices_there
            number = "1" if listener.is_here else "2"
            return ipaddress.ip_address(f"fe80::{number}"), rng.choice(sorted(indices.values()))
        return (rng.choice(found) if found else None), 0

    def manner(self, rng, target, scope, is_from_here, listener):
        """How the client opens its connection: family of its socket, source address, port and
        device."""
        world = self.world
        how = {"address": None, "port": 0, "late": False, "device": None, "reuse_address": False, "transparent": False}
        v6 = target.version == 6 or (world.has["ipv6"] and rng.random() < 0.25)
        how["family"] = socket.AF_INET6 if v6 else socket.AF_INET
        kind = rng.random()
        if not is_from_here or scope:
            return how
        if listener.is_here:
            pool = world.own4 if target.version == 4 else world.own6
        else:
            pool = [
                one for one in (world.own4 if target.version == 4 else world.own6) if one.startswith(("198.", "2001:db8:1:"))
            ]
        if kind < 0.12 and pool:
            how.update(address=rng.choice(pool))
        elif kind < 0.2 and pool:
            how.update(address=rng.choice(pool), late=True)
        elif kind < 0.3:
            port = rng.choice(world.outside[12:40] + world.inside[:2])
            how.update(port=port, reuse_address=rng.random() < 0.5)
        elif kind < 0.4 and world.has["devices"]:
            link = None if listener.is_here else self.link_to(target)
            how.update(device="lo" if listener.is_here else link)
        elif kind < 0.5 and world.has["foreign"] and not listener.is_here:
            network = FOREIGN4 if target.version == 4 else FOREIGN6
            if self.link_to(target) == "eth1":
                how.update(address=str(network[rng.randrange(10, 14)]), transparent=True)
        return how

    def link_to(self, target):
        number = str(target).split(".")[2] if target.version == 4 else str(target).split(":")[2]
        return f"eth{number}"

    def dial(self, listener, target, scope, is_from_here, how):
        with self.at(is_from_here):
            client = sockets.new(
                how["family"],
                reuse_address=how["reuse_address"],
                transparent=how["transparent"],
                device=how["device"],
            )
        try:
            if how["late"]:
                client.setsockopt(socket.IPPROTO_IP, sockets.IP_BIND_ADDRESS_NO_PORT, 1)
            if how["address"] or how["port"]:
                any_address = kernel.ANY6 if target.version == 6 else kernel.ANY4
                address = ipaddress.ip_address(how["address"]) if how["address"] else any_address
                if address == kernel.ANY4 and how["family"] == socket.AF_INET6:
                    address = kernel.ANY6
                client.bind(sockets.name(how["family"], address, how["port"]))
            client.setblocking(False)
            self.begin(client, target, listener.port, scope, is_from_here)
            connection = Connection(listener, client, None, is_from_here)
            self.connections.append(connection)
        except OSError:
            client.close()
            raise
        # A service with a full queue lets it wait in SYN_SENT.
        if select.select([], [client], [], 0.5)[1] and not client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            if listener.accepts:
                connection.server = self.accepted(client)
        elif not self.is_waiting(client):
            self.connections.remove(connection)
            client.close()
        return connection

    def begin(self, client, target, port, scope, is_from_here):
        with contextlib.suppress(BlockingIOError):
            client.connect(sockets.name(client.family, target, port, scope))
        if is_from_here:
            # The remote end of a socket in SYN_SENT has no getpeername().
            self.dialed.add((*sockets.end(client.getsockname()), target, port))

    @staticmethod
    def is_waiting(client):
        return sockets.state(client) == kernel.SYN_SENT

    def accepted(self, client):
        """Accepts until the connection of a client comes; which of several sockets gets it the
        kernel decides."""
        wanted = sockets.end(client.getsockname())
        listening = [one for listener in self.listeners for one in listener.sockets if listener.accepts]
        end = time.monotonic() + 1
        while time.monotonic() < end:
            for one in select.select(listening, [], [], 0.05)[0]:
                server, peer = one.accept()
                if sockets.end(peer) == wanted:
                    return server
                self.others.append(server)
        return None

    # Ends of connections.

    def finish(self, rng, connection, ending):
        client, server = connection.client, connection.server
        connection.is_live = ending == "live"
        if ending == "client_first":
            self.close_in_order(client, server)
        elif ending == "server_first":
            self.close_in_order(server, client)
        elif ending == "both_at_once":
            sockets.deafen(client, server)
            client.shutdown(socket.SHUT_WR)
            server.shutdown(socket.SHUT_WR)
            sockets.hear(client, server)
            self.unfinished += [client, server]
        elif ending in ("client_resets", "server_resets"):
            first, second = (client, server) if ending == "client_resets" else (server, client)
            first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, sockets.RESET)
            first.close()
            self.wait_readable(second)
            second.close()
        elif ending in ("client_leaves", "server_leaves"):
            first, second = (client, server) if ending == "client_leaves" else (server, client)
            first.close()
            self.wait_readable(second)
        elif ending == "client_half":
            client.shutdown(socket.SHUT_WR)
            self.wait_readable(server)
        elif ending == "server_half":
            server.shutdown(socket.SHUT_WR)
            self.wait_readable(client)
        elif ending != "live":
            self.stick(client, server, ending)

    @classmethod
    def close_in_order(cls, first, second):
        first.close()
        cls.wait_readable(second)
        second.close()

    @staticmethod
    def wait_readable(one):
        """Until the other end's FIN or RST is there."""
        select.select([one], [], [], 2)

    @staticmethod
    def stick(client, server, ending):
        """States that last because nobody answers."""
        first, second = (client, server) if ending.startswith("client") else (server, client)
        if ending.endswith("fin_wait1"):
            sockets.deafen(first, second)
            first.shutdown(socket.SHUT_WR)
        elif ending.endswith("last_ack"):
            first.shutdown(socket.SHUT_WR)
            select.select([second], [], [], 2)
            sockets.deafen(first)
            second.close()
        elif ending.endswith("closing"):
            # The second hears nothing, so that the first's FIN is never confirmed, and sends one
            # itself.
            sockets.deafen(second)
            first.shutdown(socket.SHUT_WR)
            second.shutdown(socket.SHUT_WR)

    def complete(self, seconds=5):
        """Waits until those that closed at once are in TIME_WAIT: their FINs are sent again after
        0.2 s. What does not come to an end, because its other end is gone, is reset."""
        end = time.monotonic() + seconds
        while any(sockets.state(one) != kernel.CLOSE for one in self.unfinished) and time.monotonic() < end:
            time.sleep(0.02)
        for one in self.unfinished:
            if sockets.state(one) != kernel.CLOSE:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, sockets.RESET)
            one.close()
        self.unfinished = []

    def finish_later(self, rng):
        """Ends a connection that was left alone until now."""
        live = [one for one in self.connections if one.is_live and one.server]
        if live:
            ending = drawn(rng, {name: share for name, share in ENDS.items() if name != "live"})
            self.finish(rng, rng.choice(live), ending)

    # Unusual sockets.

    def odd_state(self, rng):
        listener = self.pick(rng)
        kind = rng.choice(["syn_sent", "syn_recv", "fin_wait1", "last_ack", "closing"])
        if not listener or not listener.accepts:
            return
        if kind in ("fin_wait1", "last_ack", "closing"):
            self.connect(rng, 1, listener, ending=rng.choice(["client_", "server_"]) + kind)
            return
        if kind == "syn_sent":
            listener = self.deaf_listener(rng)
        is_from_here = not (listener.is_here and self.world.there and rng.random() < 0.5)
        target, scope = self.target(rng, listener, is_from_here)
        if target is None:
            return
        with self.at(is_from_here):
            client = sockets.new(sockets.family_of(target))
        client.setblocking(False)
        # A deaf service does not hear the SYN; a deaf client does not hear the answer, and the
        # request stays.
        sockets.deafen(client)
        self.begin(client, target, listener.port, scope, is_from_here)
        self.others.append(client)

    def deaf_listener(self, rng):
        port = rng.choice(self.world.outside[40:])
        listener = Listener(socket.AF_INET, kernel.ANY4, port, False, None, True, False, 5, 1, False)
        self.open(listener)
        sockets.deafen(*listener.sockets)
        return listener

    def bind_only(self, rng, port=None):
        world = self.world
        pool = [kernel.ANY4, *map(ipaddress.ip_address, world.own4[:3])]
        if world.has["ipv6"]:
            pool += [kernel.ANY6, *map(ipaddress.ip_address, world.own6)]
        address = rng.choice(pool)
        one = sockets.new(sockets.family_of(address), reuse_address=port is None and rng.random() < 0.3)
        if address.version == 6 and rng.random() < 0.3:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(
            sockets.name(one.family, address, port if port is not None else rng.choice([0, rng.choice(world.outside[12:])]))
        )
        self.others.append(one)

    def udp(self, rng):
        family = socket.AF_INET6 if self.world.has["ipv6"] and rng.random() < 0.4 else socket.AF_INET
        one = sockets.new(family, socket.SOCK_DGRAM)
        pool = [0, rng.choice(self.world.range), rng.choice(self.world.outside), *self.world.reserved_inside]
        one.bind(("", rng.choice(pool)))
        self.others.append(one)

    def self_connect(self, rng):
        """A client that was given the port it dials."""
        world = self.world
        address = ipaddress.ip_address(rng.choice(world.own4 + world.own6))
        port = rng.choice([*world.range[:20], *world.outside[12:]])
        one = sockets.new(sockets.family_of(address))
        try:
            one.bind(sockets.name(one.family, address, port))
            one.connect(sockets.name(one.family, address, port))
            self.dialed.add((address, port, address, port))
        except OSError:
            one.close()
            raise
        if rng.random() < 0.5:
            one.close()
        else:
            self.others.append(one)

    # Services that go and come.

    def vanish(self, rng):
        found = self.here()
        if not found:
            return
        listener = rng.choice(found)
        # All of its port, as a process that ends.
        for one in [one for one in found if one.port == listener.port]:
            one.close()
            self.listeners.remove(one)
            if not one.is_impostor:
                self.gone.append(one)
        for connection in self.connections:
            is_its_own = connection.listener.port == listener.port and connection.listener.is_here
            if is_its_own and connection.is_live and connection.server and rng.random() < 0.6:
                self.finish(rng, connection, rng.choice(["server_first", "server_leaves", "client_first"]))
        self.lost_ports.add(listener.port)

    def come_back(self, rng):
        free = [one for one in self.gone if one.port not in {other.port for other in self.here()}]
        if free:
            listener = rng.choice(free)
            for one in [one for one in free if one.port == listener.port]:
                self.open(one)
                self.gone.remove(one)
                self.reopened.add(one.port)

    def impostor(self, rng):
        """Another program listens on an address of a service's port."""
        ports = sorted(self.lost_ports - {one.port for one in self.here()})
        if not ports:
            return
        port = rng.choice(ports)
        address = ipaddress.ip_address(rng.choice(self.world.own4 + self.world.own6))
        self.open(Listener(sockets.family_of(address), address, port, False, None, True, False, 5, 1, True, True))

    def squat(self, rng):
        """An outgoing connection, or a socket that is only bound, takes the port of a service."""
        world = self.world
        ports = sorted(self.lost_ports | set(world.services) | set(world.reserved_inside))
        ports = [port for port in ports if port not in {one.port for one in self.here()}]
        if not ports:
            return
        port = rng.choice(ports)
        if world.has["bound"] and rng.random() < 0.15:
            self.bind_only(rng, port)
            return
        pool = [one for one in self.listeners if one.port in world.outside and one.port != port]
        if not pool:
            return
        listener = rng.choice(pool)
        address = None
        if listener.is_here and not listener.takes6:
            address = rng.choice([None, *world.own4])
        reuse_address = rng.random() < 0.3
        if reuse_address:
            self.reusing_ports.add(port)
        ending = rng.choice(["live", "client_first", "client_leaves", "server_leaves", "client_half"])
        self.connect(rng, 1, listener, port=port, ending=ending, address=address, reuse_address=reuse_address)
