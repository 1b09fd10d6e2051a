"""What the kernel says of the network namespace that this process is in: sock_diag and route
netlink, sysctls, a few files of /proc/net. None of it is shared with the exporter."""

import dataclasses
import ipaddress
import os
import socket
import struct

ESTABLISHED, SYN_SENT, SYN_RECV, FIN_WAIT1, FIN_WAIT2, TIME_WAIT, CLOSE = 1, 2, 3, 4, 5, 6, 7
CLOSE_WAIT, LAST_ACK, LISTEN, CLOSING, NEW_SYN_RECV, BOUND_INACTIVE = 8, 9, 10, 11, 12, 13
STATES = {
    ESTABLISHED: "established",
    SYN_SENT: "syn_sent",
    SYN_RECV: "syn_recv",
    FIN_WAIT1: "fin_wait1",
    FIN_WAIT2: "fin_wait2",
    TIME_WAIT: "time_wait",
    CLOSE: "close",
    CLOSE_WAIT: "close_wait",
    LAST_ACK: "last_ack",
    LISTEN: "listen",
    CLOSING: "closing",
    NEW_SYN_RECV: "syn_recv",
    BOUND_INACTIVE: "bound_inactive",
}

ANY4 = ipaddress.IPv4Address("0.0.0.0")
ANY6 = ipaddress.IPv6Address("::")

SOCK_DIAG_BY_FAMILY, RTM_GETADDR, RTM_GETROUTE = 20, 22, 26
NLM_F_REQUEST, NLM_F_DUMP = 0x1, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
INET_DIAG_SKV6ONLY = 11
RTN_LOCAL, RT_TABLE_LOCAL = 2, 255
RTA_DST, RTA_TABLE, IFA_ADDRESS, IFA_LOCAL = 1, 15, 1, 2


def address(raw):
    """An address from its bytes, v4-mapped IPv6 as IPv4."""
    found = ipaddress.ip_address(raw)
    return getattr(found, "ipv4_mapped", None) or found


@dataclasses.dataclass(frozen=True)
class Row:
    """A socket as sock_diag shows it. `device` is the index of the interface it is bound to, 0 for
    none; `expires` is in milliseconds."""

    state: int
    local: object
    local_port: int
    remote: object
    remote_port: int
    device: int
    cookie: int
    timer: int
    expires: int
    receive_queue: int
    send_queue: int
    v6only: bool
    is_v6_socket: bool

    @property
    def tuple(self):
        return self.local, self.local_port, self.remote, self.remote_port

    @property
    def still(self):
        """What must not change between two readings that are compared."""
        queues = (self.receive_queue, self.send_queue) if self.state == LISTEN else ()
        return self.state, *(str(part) for part in self.tuple), self.device, self.cookie, self.timer == 3, queues

    @property
    def is_orphan(self):
        """FIN_WAIT2 without a process, which the kernel keeps as it keeps TIME_WAIT."""
        return self.state == FIN_WAIT2 and self.timer == 3

    def __str__(self):
        flags = " v6only" * self.v6only + f" device={self.device}" * bool(self.device)
        timer = f" timer={self.timer}:{self.expires}ms" if self.timer else ""
        return (
            f"{STATES[self.state]:14} {self.local}:{self.local_port} -> {self.remote}:{self.remote_port}"
            f"{flags}{timer} queues={self.receive_queue}/{self.send_queue}"
        )


def dump(protocol, kind, body):
    """The bodies of the messages that answer a dump."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as channel:
        channel.bind((0, 0))
        channel.send(struct.pack("=LHHLL", 16 + len(body), kind, NLM_F_REQUEST | NLM_F_DUMP, 1, 0) + body)
        while True:
            data = channel.recv(1 << 20)
            while data:
                length, kind_of_answer, _, _, _ = struct.unpack_from("=LHHLL", data)
                if kind_of_answer == NLMSG_DONE:
                    return
                if kind_of_answer == NLMSG_ERROR:
                    raise OSError(-struct.unpack_from("=i", data, 16)[0], "netlink refuses")
                yield data[16:length]
                data = data[(length + 3) & ~3 :]


def attributes(data):
    """Kind to bytes of what follows a netlink header."""
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        found[kind & 0x3FFF] = data[4:length]
        data = data[(length + 3) & ~3 :]
    return found


def sockets():
    """All TCP sockets of this namespace, those that are only bound included."""
    rows = []
    for family in socket.AF_INET, socket.AF_INET6:
        for states in 0x1FFF, 1 << BOUND_INACTIVE:
            request = struct.pack("=BBBxI48x", family, socket.IPPROTO_TCP, 0, states)
            for message in dump(4, SOCK_DIAG_BY_FAMILY, request):
                row = parse(message)
                # The other family's request can show the same socket, and so can a table that
                # changes.
                if states == 1 << BOUND_INACTIVE and row.state == CLOSE:
                    row = dataclasses.replace(row, state=BOUND_INACTIVE)
                rows.append(row)
    unique = {(row.cookie, row.state): row for row in rows}
    return sorted(unique.values(), key=lambda row: row.still)


def parse(message):
    family, state, timer, _, local_port, remote_port = struct.unpack_from(">BBBBHH", message)
    size = 4 if family == socket.AF_INET else 16
    device, cookie = struct.unpack_from("=IQ", message, 40)
    expires, receive_queue, send_queue, _, inode = struct.unpack_from("=5I", message, 52)
    if state == SYN_RECV and inode == 0:
        state = NEW_SYN_RECV
    return Row(
        state=state,
        local=address(message[8 : 8 + size]),
        local_port=local_port,
        remote=address(message[24 : 24 + size]),
        remote_port=remote_port,
        device=device,
        cookie=cookie,
        timer=timer,
        expires=expires,
        receive_queue=receive_queue,
        send_queue=send_queue,
        v6only=bool(attributes(message[72:]).get(INET_DIAG_SKV6ONLY, b"\0")[0]),
        is_v6_socket=family == socket.AF_INET6,
    )


def own_networks():
    """The namespace's own addresses, as networks: those of interfaces, and local routes of the
    local table."""
    found = set()
    for family in socket.AF_INET, socket.AF_INET6:
        for message in dump(0, RTM_GETADDR, struct.pack("=BxxxI", family, 0)):
            about = attributes(message[8:])
            raw = about.get(IFA_LOCAL) or about[IFA_ADDRESS]
            found.add(ipaddress.ip_network(raw))
        for message in dump(0, RTM_GETROUTE, struct.pack("=B11x", family)):
            _, length, _, _, table, _, _, kind = struct.unpack_from("=8B", message)
            about = attributes(message[12:])
            table = struct.unpack("=I", about[RTA_TABLE])[0] if RTA_TABLE in about else table
            if kind == RTN_LOCAL and table == RT_TABLE_LOCAL:
                raw = about.get(RTA_DST, bytes(4 if family == socket.AF_INET else 16))
                found.add(ipaddress.ip_network((raw, length)))
    return found


def read(path):
    """A file of /proc in one read(): a second one of ip_local_reserved_ports would say that it
    ends."""
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, 1 << 20).decode()
    finally:
        os.close(file)


def sysctl(name):
    return read(f"/proc/sys/net/ipv4/{name}").strip()


def write_sysctl(name, value):
    with open(f"/proc/sys/net/ipv4/{name}", "w") as file:
        file.write(str(value))


def port_list(text):
    """The ports of a list such as 1-4,10."""
    ports = set()
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        ports.update(range(int(first), int(last or first) + 1))
    return ports


def netstat():
    """TcpExt of /proc/net/netstat: name to value."""
    lines = [line.split() for line in read("/proc/self/net/netstat").splitlines() if line.startswith("TcpExt:")]
    return dict(zip(lines[0][1:], map(int, lines[1][1:])))


def sockstat():
    """The counters of TCP in sockstat: tw, and inuse with that of sockstat6."""
    found = {"tw": 0, "inuse": 0}
    for name in "sockstat", "sockstat6":
        for line in read(f"/proc/self/net/{name}").splitlines():
            words = line.split()
            if words[0] in ("TCP:", "TCP6:"):
                values = dict(zip(words[1::2], map(int, words[2::2])))
                found["tw"] += values.get("tw", 0)
                found["inuse"] += values["inuse"]
    return found


def udp_ports():
    """The local ports of UDP sockets."""
    lines = read("/proc/self/net/udp").splitlines()[1:] + read("/proc/self/net/udp6").splitlines()[1:]
    return {int(line.split()[1].rsplit(":", 1)[1], 16) for line in lines}
