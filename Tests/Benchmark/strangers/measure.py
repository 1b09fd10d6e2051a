"""What strangers do to the latency of a good client's scrapes: the exporter and node_exporter in
one run.

    measure.py FOLDER EXPORTER NODE_EXPORTER GENERATOR [SECONDS]

It needs a network namespace of its own with lo up. Each scrape opens a new connection from
127.0.0.1, every 20 ms; the strangers come from other addresses. FOLDER gets strangers.md and
strangers.json."""

import json
import multiprocessing
import pathlib
import resource
import socket
import ssl
import subprocess
import sys
import tempfile
import time

SOCKETS = 1_000_000
PORTS = {"timewait_exporter": 10057, "node_exporter": 9100}
# The bcrypt hash of "correct horse" at cost 10, made by PyPI's bcrypt.
USERS = "basic_auth_users:\n  alice: $2y$10$crx4EInHWo65jZt03LgY5u1m0yMBDsWKAdQIliDNs7DP7isb52nIi\n"
RIGHT, WRONG = "YWxpY2U6Y29ycmVjdCBob3JzZQ==", "YWxpY2U6d3Jvbmc="
GOALS = {"HTTP": 50, "TLS": 150}


def request(authorization=RIGHT, more=""):
    return f"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {authorization}\r\n{more}\r\n".encode()


def connect(port, address, receive_buffer=None):
    one = socket.socket()
    if receive_buffer:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    one.settimeout(5)
    # Or the end of a TLS handshake waits for an ACK.
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    one.bind((address, 0))
    one.connect(("127.0.0.1", port))
    return one


def paced(rate):
    """Goes on so many times a second, for ever."""
    begin, count = time.monotonic(), 0
    while True:
        count += 1
        time.sleep(max(0, begin + count / rate - time.monotonic()))
        yield count


def client_hello(curve):
    context = ssl.create_default_context()
    context.set_ecdh_curve(curve)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()


# What strangers do, each in a process of its own until it is killed.


def hellos(port, _):
    hello = [client_hello("secp521r1"), client_hello("prime256v1")]
    kept = []
    for number in paced(100):
        try:
            one = connect(port, f"127.0.1.{number % 200 + 1}")
            one.send(hello[number % 2])
            kept.append(one)
        except OSError:
            pass
        if len(kept) > 50:
            kept.pop(0).close()


def idle(port, _):
    kept = [None] * 2500
    while True:
        for number, one in enumerate(kept):
            try:
                if one and one.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b"":
                    one.close()
                    one = None
            except BlockingIOError:
                pass
            except OSError:
                one.close()
                one = None
            try:
                kept[number] = one or connect(port, f"127.0.2.{number % 40 + 1}")
            except OSError:
                kept[number] = None
        time.sleep(0.5)


def trickle(port, context):
    data = request() * 20
    kept = {}
    for _ in paced(1):
        for number in range(500):
            try:
                if number not in kept:
                    kept[number] = connect(port, f"127.0.3.{number % 20 + 1}"), 0
                one, sent = kept[number]
                one.send(data[sent : sent + 1])
                kept[number] = one, sent + 1
            except OSError:
                kept.pop(number, (None,))[0] and None


def wrong_passwords(port, context):
    for number in paced(50):
        try:
            one = connect(port, f"127.0.4.{number % 20 + 1}")
            if context:
                one = context.wrap_socket(one, server_hostname="localhost")
            one.send(request(WRONG))
            one.setblocking(False)
            one.close() if number % 2 else None
        except OSError:
            pass


def slow_readers(port, context):
    kept = {}
    while True:
        for number in range(200):
            try:
                if number not in kept:
                    one = connect(port, f"127.0.5.{number % 20 + 1}", 2304)
                    if context:
                        one = context.wrap_socket(one, server_hostname="localhost")
                    one.send(request())
                    one.setblocking(False)
                    kept[number] = one
                if kept[number].recv(64) == b"":
                    raise ConnectionError
            except (BlockingIOError, ssl.SSLWantReadError):
                pass
            except OSError:
                kept.pop(number, None)
        time.sleep(0.5)


def large_headers(port, context):
    accept = "Accept: " + ",".join(f"text/x{n};q=0.{n % 10}" for n in range(1600)) + "\r\n"
    data = request(more=accept[:30_000].rsplit(",", 1)[0] + "\r\n")
    one = None
    for _ in paced(100):
        try:
            if one is None:
                one = connect(port, "127.0.6.1")
                if context:
                    one = context.wrap_socket(one, server_hostname="localhost")
            one.send(data)
            read(one)
        except OSError:
            one = None


STRANGERS = {
    "nobody": None,
    "100 ClientHellos a second": hellos,
    "2,500 idle connections from 40 addresses": idle,
    "500 clients that send a byte a second": trickle,
    "50 wrong passwords a second": wrong_passwords,
    "200 slow readers": slow_readers,
    "100 Accept headers of 30 KB a second": large_headers,
}


# The good client.


def read(one):
    """Reads an answer with a Content-Length or in chunks to its end."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = one.recv(65536)
        if not more:
            raise ConnectionError("closed")
        data += more
    head, body = data.split(b"\r\n\r\n", 1)
    lowered = head.lower()
    if b"content-length:" in lowered:
        length = int(lowered.split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += one.recv(65536) or b"\0" * length
    else:
        while not body.endswith(b"0\r\n\r\n"):
            more = one.recv(65536)
            if not more:
                break
            body += more
    return int(head.split()[1])


def scrape(port, context):
    """Milliseconds of one scrape over a new connection; None where it failed."""
    begin = time.monotonic()
    try:
        with connect(port, "127.0.0.1") as plain:
            one = context.wrap_socket(plain, server_hostname="localhost") if context else plain
            one.send(request())
            if read(one) != 200:
                return None
            return (time.monotonic() - begin) * 1000
    except OSError:
        return None


def scrapes(port, context, seconds):
    end = time.monotonic() + seconds
    found = []
    for _ in paced(50):
        if time.monotonic() > end:
            return found
        found.append(scrape(port, context))


def quantile(values, share):
    ordered = sorted(float("inf") if value is None else value for value in values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def run(folder, programs, seconds):
    openssl = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    openssl += ["-subj", "/CN=localhost", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"]
    subprocess.run(openssl, check=True, capture_output=True)
    tls = "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n"
    results = {}
    for kind in "HTTP", "TLS":
        config = pathlib.Path(folder, f"{kind}.yml")
        config.write_text((tls if kind == "TLS" else "") + USERS)
        context = None
        if kind == "TLS":
            context = ssl._create_unverified_context()
        for name, command in programs.items():
            port = PORTS[name]
            flags = [f"--web.listen-address=:{port}", f"--web.config.file={config}"]
            if name == "node_exporter":
                flags += ["--collector.disable-defaults", "--collector.loadavg"]
            server = subprocess.Popen([command, *flags], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                while scrape(port, context) is None:
                    time.sleep(0.1)
                for stranger, what in STRANGERS.items():
                    if what is hellos and kind == "HTTP":
                        continue
                    attacker = multiprocessing.Process(target=what, args=(port, context)) if what else None
                    if attacker:
                        attacker.start()
                        time.sleep(3)
                    found = scrapes(port, context, seconds)
                    if attacker:
                        attacker.kill()
                        attacker.join()
                        time.sleep(1)
                    failed = found.count(None)
                    row = results.setdefault(f"{kind}, {stranger}", {})
                    row[name] = {
                        "p50": quantile(found, 0.5),
                        "p99": quantile(found, 0.99),
                        "failed": failed,
                        "of": len(found),
                    }
                    print(kind, name, stranger, row[name], flush=True)
            finally:
                server.kill()
                server.wait()
    return results


def text(figures):
    def number(value):
        return "none" if value == float("inf") else f"{value:.1f}"

    failed = f", {figures['failed']} of {figures['of']} failed" if figures["failed"] else ""
    return f"{number(figures['p50'])} / {number(figures['p99'])}{failed}"


def table(results):
    lines = [
        "# What strangers do to a scrape",
        "",
        "Written by `make bench`. Median / 99th percentile of a scrape in ms, over a new connection each, while there are",
        f"{SOCKETS:,} TIME_WAIT sockets. Goals for the exporter: 99th percentile under 50 ms over HTTP, under 150 ms over",
        "TLS.",
        "node_exporter serves its loadavg collector alone, with the same web configuration file. The certificate is ECDSA,",
        "P-256.",
        "",
        "| strangers | timewait_exporter | node_exporter | goal reached |",
        "|---|---:|---:|---|",
    ]
    for name, row in results.items():
        ours = row["timewait_exporter"]
        reached = "yes" if ours["p99"] < GOALS[name.split(",")[0]] else "no"
        lines.append(f"| {name} | {text(ours)} | {text(row['node_exporter'])} | {reached} |")
    return "\n".join(lines) + "\n"


def main(output, exporter, node_exporter, generator, seconds=10):
    """Measures both, and writes the table."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # What the generator's clients send to its listeners must not get there:
    # Tests/Benchmark/c/timewait_generator/main.c.
    chain = "add chain ip benchmark input { type filter hook input priority -300; }"
    rule = "add rule ip benchmark input ip saddr 127.1.0.0/16 ip daddr 127.0.0.1 tcp dport 8080-8087 drop"
    subprocess.run(["nft", f"add table ip benchmark; {chain}; {rule}"], check=True)
    making = subprocess.Popen([generator], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    making.stdin.write(f"grow {SOCKETS}\n")
    making.stdin.flush()
    assert making.stdout.readline() == "ok\n"
    with tempfile.TemporaryDirectory() as folder:
        results = run(folder, {"timewait_exporter": exporter, "node_exporter": node_exporter}, float(seconds))
    making.kill()
    pathlib.Path(output, "strangers.md").write_text(table(results))
    pathlib.Path(output, "strangers.json").write_text(json.dumps(results, indent=1) + "\n")
    print(table(results))


if __name__ == "__main__":
    main(*sys.argv[1:])
