"""Makes the sockets of one scene in the present network namespace and captures its
tables while they exist. Called by capture.sh: capture.py SCENE FOLDER [PEER_NETNS].

Exit codes: 0 = captured and every count is exact; 75 = a count is off, try again.
"""
import contextlib, ctypes, os, socket, subprocess, sys, time
from collections import Counter

NET_FILES = "tcp tcp6 sockstat sockstat6 netstat fib_trie if_inet6 udp udp6".split()
SYSCTLS = ("ip_local_port_range ip_local_reserved_ports tcp_max_tw_buckets tcp_fin_timeout "
           "tcp_tw_reuse tcp_tw_reuse_delay tcp_timestamps tcp_rfc1337 "
           "ip_unprivileged_port_start ip_autobind_reuse").split()
STATE = {"ESTAB": "01", "SYN-SENT": "02", "SYN-RECV": "03", "FIN-WAIT-2": "05",
         "TIME-WAIT": "06", "CLOSE-WAIT": "08", "LISTEN": "0A"}
RESERVED = "/proc/sys/net/ipv4/ip_local_reserved_ports"
keep = []                       # sockets that must stay open until the capture


# ---- making connections --------------------------------------------------------------

def listen(address, port, backlog=64, v6only=None, reuseport=False):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if v6only is not None:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
    if reuseport:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind((address, port))
    s.listen(backlog)
    keep.append(s)
    return s


def connect(address, port):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    s.connect((address, port))
    return s


def connect_nowait(address, port):
    """Sends a SYN and keeps the socket."""
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex((address, port))
    keep.append(s)


@contextlib.contextmanager
def inside(netns):
    """Sockets created in here belong to the namespace of that name."""
    setns = ctypes.CDLL(None, use_errno=True).setns
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open("/run/netns/" + netns, os.O_RDONLY)
    try:
        assert setns(there, 0x40000000) == 0, os.strerror(ctypes.get_errno())
        yield
    finally:
        assert setns(here, 0x40000000) == 0
        os.close(here)
        os.close(there)


def closed(count, listener, address, first, make=connect):
    """`count` connections closed in order: one end closes, the other reads EOF and
    only then closes. The end that was `first` is left in TIME_WAIT."""
    port = listener.getsockname()[1]
    for _ in range(count):
        client = make(address, port)
        server, _ = listener.accept()
        one, other = (server, client) if first == "server" else (client, server)
        one.close()
        if other.recv(1) != b"":
            raise SystemExit("data where EOF was expected")
        other.close()


# ---- reading the tables ---------------------------------------------------------------

def read(path, single=False):
    """The whole file; `single`: exactly one read(), all that a large bitmap gives."""
    fd = os.open(path, os.O_RDONLY)
    try:
        data = os.read(fd, 262144)
        while not single:
            more = os.read(fd, 262144)
            if not more:
                break
            data += more
        return data
    finally:
        os.close(fd)


def rows(table):
    """[(state, local port, remote port)] of a /proc/net/tcp text."""
    result = []
    for line in table.decode().splitlines()[1:]:
        t = line.split()
        result.append((t[3], int(t[1].rsplit(":", 1)[1], 16), int(t[2].rsplit(":", 1)[1], 16)))
    return result


def ss_rows(text):
    result = []
    for line in text.decode().splitlines():
        t = line.split()
        peer = t[4].rsplit(":", 1)[1]
        result.append((STATE[t[0]], int(t[3].rsplit(":", 1)[1]), 0 if peer == "*" else int(peer)))
    return result


def fail(message):
    print("not exact, again:", message, file=sys.stderr)
    sys.exit(75)


def expect(what, found, wanted):
    if found != wanted:
        fail(f"{what}: {found!r} instead of {wanted!r}")


def snapshot():
    """All files of the scene, and ss at the same moment; fails if the two differ."""
    files = {"thread-self/net/" + f: read("/proc/thread-self/net/" + f) for f in NET_FILES[:4]}
    ss = subprocess.run(["ss", "-tanH"], check=True, capture_output=True).stdout
    for f in NET_FILES[4:]:
        files["thread-self/net/" + f] = read("/proc/thread-self/net/" + f)
    for f in SYSCTLS:
        files["sys/net/ipv4/" + f] = read("/proc/sys/net/ipv4/" + f, single=True)
    both = rows(files["thread-self/net/tcp"]) + rows(files["thread-self/net/tcp6"])
    expect("/proc against ss", sorted(both), sorted(ss_rows(ss)))
    # 12 tokens and timer 03: TIME_WAIT, and FIN_WAIT2 without an owner
    minis = sum(len(t) == 12 and t[5].startswith("03:")
                for name in ("tcp", "tcp6")
                for t in map(str.split, files["thread-self/net/" + name].decode().splitlines()))
    sockstat = files["thread-self/net/sockstat"].decode().split()
    expect("tw of sockstat", int(sockstat[sockstat.index("tw") + 1]), minis)
    names, values = [line.split() for line in
                     files["thread-self/net/netstat"].decode().splitlines()[:2]]
    expect("TW of netstat", int(values[names.index("TW")]), minis)
    return files, ss


def by_service(table, services):
    """Counter of (state, "L" or "R", port): on which side the known service port is."""
    c = Counter()
    for state, local, remote in rows(table):
        c[(state, "L", local) if local in services else (state, "R", remote)] += 1
    return c


def write(folder, files, ss=None):
    if ss is not None:
        files = {**files, "ss.txt": ss}
    for name, data in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)


def wait_for_ipv6():
    """Until the link-local address is there and none is tentative (flag 0x40)."""
    for _ in range(100):
        text = read("/proc/thread-self/net/if_inet6").decode()
        flags = [int(line.split()[4], 16) for line in text.splitlines()]
        if "\nfe80" in "\n" + text and not any(f & 0x40 for f in flags):
            return
        time.sleep(0.1)
    fail("IPv6 addresses stay tentative")


# ---- the scenes -----------------------------------------------------------------------

def mixed(folder, _):
    a = listen("0.0.0.0", 8080)
    b = listen("127.0.0.1", 9090)
    dual = listen("::", 7070, v6only=0)
    listen("::", 7071, v6only=1)
    listen("0.0.0.0", 40000)
    listen("0.0.0.0", 50000)
    v6 = listen("::1", 6060)
    listen("0.0.0.0", 5050, reuseport=True)
    listen("0.0.0.0", 5050, reuseport=True)
    listen("127.0.0.1", 4040, backlog=1)        # room for 2; never accepts
    for address, port in (("127.0.0.1", 35003), ("0.0.0.0", 5353), ("10.9.9.1", 40404), ("::1", 40404)):
        udp = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind((address, port))
        keep.append(udp)

    closed(30, a, "127.0.0.1", "server")
    closed(20, b, "127.0.0.1", "client")
    closed(11, v6, "::1", "server")
    closed(13, dual, "127.0.0.1", "server")
    closed(7, a, "10.9.9.1", "client")
    for _ in range(3):                          # established pairs
        keep.extend([connect("127.0.0.1", 8080), a.accept()[0]])
    for _ in range(2):                          # orphan FIN_WAIT2
        client = connect("127.0.0.1", 8080)
        keep.append(a.accept()[0])
        client.close()
    client = connect("127.0.0.1", 8080)         # FIN_WAIT2 with an owner
    keep.extend([client, a.accept()[0]])
    client.shutdown(socket.SHUT_WR)
    time.sleep(0.3)                             # delayed ACKs of the FINs
    for _ in range(2):
        keep.append(connect("127.0.0.1", 4040))
    connect_nowait("127.0.0.1", 4040)           # the queue is full: the SYN is dropped
    time.sleep(0.1)

    files, ss = snapshot()
    tcp, tcp6 = files["thread-self/net/tcp"], files["thread-self/net/tcp6"]
    expect("tcp", by_service(tcp, {8080, 9090, 40000, 50000, 5050, 4040}), Counter({
        ("0A", "L", 8080): 1, ("0A", "L", 9090): 1, ("0A", "L", 40000): 1,
        ("0A", "L", 50000): 1, ("0A", "L", 5050): 2, ("0A", "L", 4040): 1,
        ("06", "L", 8080): 30, ("06", "R", 9090): 20, ("06", "R", 8080): 7,
        ("01", "L", 8080): 3, ("01", "R", 8080): 3,
        ("05", "R", 8080): 3, ("08", "L", 8080): 3,
        ("01", "L", 4040): 2, ("01", "R", 4040): 2, ("02", "R", 4040): 1}))
    expect("tcp6", by_service(tcp6, {7070, 7071, 6060}), Counter({
        ("0A", "L", 7070): 1, ("0A", "L", 7071): 1, ("0A", "L", 6060): 1,
        ("06", "L", 6060): 11, ("06", "L", 7070): 13}))
    lines = [line.split() for line in tcp.decode().splitlines()[1:]]
    expect("FIN_WAIT2 (tokens, timer)", sorted((len(t), t[5][:2]) for t in lines if t[3] == "05"),
           [(12, "03"), (12, "03"), (17, "00")])
    expect("queue of 4040", [t[4] for t in lines if t[3] == "0A" and t[1].endswith(":0FC8")],
           ["00000000:00000002"])
    expect("retransmits of the SYN", [t[6] for t in lines if t[3] == "02"], ["00000000"])
    used = [r[1] for r in rows(tcp) if r[0] != "0A" and r[1] not in (8080, 4040)]
    expect("ephemeral ports (rows, distinct, odd)",
           (len(used), len(set(used)), sum(p % 2 for p in used)), (36, 36, 0))
    # cut_last_row cuts these two rows:
    expect("last row of tcp", rows(tcp)[-1][:2], ("06", 8080))
    expect("last row of tcp6", rows(tcp6)[-1][:2], ("06", 7070))
    write(folder, files, ss)


def new_syn_recv(folder, peer):
    wait_for_ipv6()
    a = listen("0.0.0.0", 8080)
    with inside(peer):
        there = listen("192.0.2.2", 9999)

    def from_peer(address, port):
        with inside(peer):
            return connect(address, port)

    closed(25, a, "192.0.2.1", "server", make=from_peer)
    closed(6, there, "192.0.2.2", "client")
    subprocess.run("ip neigh replace 192.0.2.2 lladdr 02:00:00:00:de:ad dev veth0 nud permanent"
                   .split(), check=True)        # from now on the SYN-ACKs are lost
    with inside(peer):
        for _ in range(4):
            connect_nowait("192.0.2.1", 8080)
    time.sleep(0.2)

    files, ss = snapshot()
    tcp = files["thread-self/net/tcp"]
    expect("tcp", by_service(tcp, {8080}), Counter({
        ("0A", "L", 8080): 1, ("06", "L", 8080): 25, ("03", "L", 8080): 4, ("06", "R", 9999): 6}))
    expect("NEW_SYN_RECV (tokens, timer, inode)",
           [(len(t), t[5][:2], t[9]) for t in map(str.split, tcp.decode().splitlines()) if t[3] == "03"],
           [(12, "01", "0")] * 4)
    expect("tcp6", rows(files["thread-self/net/tcp6"]), [])
    write(folder, files, ss)


def sl_over_9999(folder, _):
    listen("0.0.0.0", 8080)
    b = listen("127.0.0.1", 9090)
    listen("::", 7070)
    closed(10200, b, "127.0.0.1", "client")
    time.sleep(0.2)
    files, ss = snapshot()
    tcp = files["thread-self/net/tcp"]
    expect("tcp", by_service(tcp, {8080, 9090}), Counter({
        ("0A", "L", 8080): 1, ("0A", "L", 9090): 1, ("06", "R", 9090): 10200}))
    lines = tcp.splitlines(keepends=True)       # row `sl` is lines[sl + 1]
    expect("sl", [int(line.split()[0][:-1]) for line in lines[1:]], list(range(10202)))
    files["thread-self/net/tcp"] = b"".join(lines[:1 + 2 + 5] + lines[9990 + 1:10010 + 2])
    write(folder, files)


def empty(folder, _):
    files, _ = snapshot()
    expect("lines", [files["thread-self/net/" + f].count(b"\n") for f in ("tcp", "tcp6")], [1, 1])
    write(folder, files)


def write_reserved(entries):
    """Any number of entries, on one file descriptor: the first write() replaces the
    list, the others add to it; the kernel takes at most 4095 bytes per write()."""
    fd = os.open(RESERVED, os.O_WRONLY)
    chunk = ""
    for e in entries + [None]:
        if e is None or len(chunk) + len(e) + 1 > 4095:
            data = chunk[:-1].encode() + b"\n"
            expect("bytes written", os.write(fd, data), len(data))
            chunk = ""
        chunk += f"{e},"
    os.close(fd)


def reserved_64k(folder, _):
    write_reserved(["0-65535"])
    all_ports = read(RESERVED, single=True)
    expect("all", all_ports, b"0-65535\n")
    # The longest text there is (found by dynamic programming over run lengths): pairs
    # with one free port between, so every entry but the first is "NNNNN-NNNNN".
    entries = ["0"] + [f"{p}-{p + 1}" for p in range(2, 65535, 3)]
    write_reserved(entries)
    files, _ = snapshot()
    name = "sys/net/ipv4/ip_local_reserved_ports"
    expect("reserved", files[name] == (",".join(entries) + "\n").encode(), True)
    expect("reserved length", len(files[name]), 254738)
    files[name + ".all"] = all_ports
    write(folder, files)


def one_port_range(folder, _):
    a = listen("127.0.0.1", 8080)
    closed(1, a, "127.0.0.1", "client")
    time.sleep(0.2)
    files, _ = snapshot()
    expect("tcp", rows(files["thread-self/net/tcp"]), [("0A", 8080, 0), ("06", 40000, 8080)])
    write(folder, files)


def anycast_prefix(folder, _):
    wait_for_ipv6()
    a = listen("0.0.0.0", 8080)
    closed(5, a, "198.51.100.7", "client")      # an address inside the LOCAL prefix
    time.sleep(0.2)
    files, _ = snapshot()
    expect("tcp", by_service(files["thread-self/net/tcp"], {8080}), Counter({
        ("0A", "L", 8080): 1, ("06", "R", 8080): 5}))
    write(folder, files)


if __name__ == "__main__":
    scene, folder, peer = sys.argv[1:4]
    if os.readlink("/proc/self/ns/net") == os.environ.get("HOST_NETNS", os.readlink("/proc/self/ns/net")):
        sys.exit("run by capture.sh in a namespace of its own, never on the host")
    globals()[scene](folder, peer)
