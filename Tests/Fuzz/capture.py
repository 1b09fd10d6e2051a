"""Captures dumps of sock_diag and rtnetlink into the seeds of Tests/Fuzz/corpus, each datagram
behind its length.

Run in a network namespace of its own:
unshare --user --map-root-user --net python3 Tests/Fuzz/capture.py
"""

import pathlib
import socket
import struct
import subprocess

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"
SEQUENCE = 7
NETLINK_ROUTE, NETLINK_SOCK_DIAG = 0, 4
TCPDIAG_GETSOCK, RTM_GETADDR, RTM_GETROUTE = 18, 22, 26
NLM_F_REQUEST, NLM_F_DUMP, NLMSG_ERROR, NLMSG_DONE = 1, 0x300, 2, 3


def dump(family, kind, content):
    """Gives the datagrams of the kernel's answer."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, family) as netlink:
        header = struct.pack("=IHHII", 16 + len(content), kind, NLM_F_REQUEST | NLM_F_DUMP, SEQUENCE, 0)
        netlink.send(header + content)
        datagrams = []
        while True:
            datagram = netlink.recv(32 * 1024)
            datagrams.append(datagram)
            position = 0
            while position < len(datagram):
                length, kind = struct.unpack_from("=IH", datagram, position)
                if kind == NLMSG_DONE:
                    return datagrams
                assert kind != NLMSG_ERROR, datagram
                position += (length + 3) & ~3


def write(name, datagrams):
    path = CORPUS / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(struct.pack("<H", len(datagram)) + datagram for datagram in datagrams))
    print(f"{path}: {path.stat().st_size} bytes")


def sockets(states):
    return struct.pack("=BBBB48xII", socket.AF_INET, 0, 0, 0, states, 0)


def main():
    for command in (
        "ip link set lo up",
        "ip address add 10.9.9.1/32 dev lo",
        "ip address add 2001:db8::5/64 dev lo",
        "ip address add fe80::7/64 dev lo",
        "ip route add local 198.51.100.0/24 dev lo",
        "ip -6 route add local 2001:db8:1::/48 dev lo",
    ):
        subprocess.run(command.split(), check=True)
    kept = []
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        server = socket.create_server((address, 8080), family=family)
        client = socket.create_connection(server.getsockname()[:2])
        kept += [server, client, server.accept()[0]]
        for closes_first in range(2):
            client = socket.create_connection(server.getsockname()[:2])
            accepted = server.accept()[0]
            first, last = (client, accepted) if closes_first else (accepted, client)
            first.close()
            last.recv(1)
            last.close()
    bound = socket.socket()
    bound.bind(("127.0.0.1", 9090))
    listener = 1 << 10
    write("sock_diag/listeners", dump(NETLINK_SOCK_DIAG, TCPDIAG_GETSOCK, sockets(listener)))
    write("sock_diag/others", dump(NETLINK_SOCK_DIAG, TCPDIAG_GETSOCK, sockets(0xFFF & ~listener)))
    write("sock_diag/bound", dump(NETLINK_SOCK_DIAG, TCPDIAG_GETSOCK, sockets(1 << 13)))
    write("route/addresses", dump(NETLINK_ROUTE, RTM_GETADDR, bytes(8)))
    for family in (socket.AF_INET, socket.AF_INET6):
        request = struct.pack("=BBBBBBBBI", family, 0, 0, 0, 255, 0, 0, 2, 0)
        write(f"route/routes-{family.name}", dump(NETLINK_ROUTE, RTM_GETROUTE, request))


main()
