"""Closes by name, against programs that know how many they made."""

import pathlib
import shutil
import subprocess
import sys
import threading

import pytest

from exporter import ROOT, poll
from programs import answer, closes, inside, is_tracing, outcome, settled, started

NGINX = shutil.which("nginx") or str(ROOT / ".build/debian/usr/sbin/nginx")

# It closes connections that have been idle for a second.
CONFIGURATION = """
daemon off; master_process on; worker_processes 2; user root; pid {folder}/pid; error_log {folder}/log;
events {{ worker_connections 512; }}
http {{
    access_log off; keepalive_timeout 1s;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    server {{ listen 127.0.0.1:8088; return 200 "here\\n"; }}
}}
"""

# A client that asks on a hundred connections at a time, and lets the server close them first.
CLIENT = """
import socket, sys
left = int(sys.argv[1])
while left:
    clients = [socket.create_connection(("127.0.0.1", 8088), 60) for _ in range(min(left, 100))]
    for client in clients: client.sendall(b"GET / HTTP/1.1\\r\\nHost: here\\r\\n\\r\\n")
    for client in clients:
        while client.recv(4096): pass
        client.close()
    left -= len(clients)
"""

# What keeps a connection open, so that curl closes first.
KEEPER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", 8089), Handler).serve_forever()
"""


def run_nginx(host, folder, requests):
    (folder / "nginx.conf").write_text(CONFIGURATION.format(folder=folder))
    server = subprocess.Popen(inside(host, NGINX, "-c", folder / "nginx.conf", "-p", folder), stderr=subprocess.PIPE)
    try:
        poll("nginx listens", lambda: "8088" in host.run("ss", "-Htln"), 20)
        subprocess.run(inside(host, sys.executable, "-c", CLIENT, requests), check=True, timeout=120)
    finally:
        server.terminate()
        server.wait(20)


def run_curl(host, times):
    server = subprocess.Popen(inside(host, sys.executable, "-c", KEEPER))
    try:
        poll("the server listens", lambda: "8089" in host.run("ss", "-Htln"), 20)
        loop = "for n in $(seq $0); do curl -sf http://127.0.0.1:8089/ || exit 1; done"
        subprocess.run(inside(host, "sh", "-c", loop, times), check=True, timeout=120)
    finally:
        server.terminate()
        server.wait(20)


def run_closer(host, truth, name, *arguments):
    with started(host, "closer.py", name, *arguments) as program:
        truth[name] = answer(program)["closed"]


def reasons(host):
    """What the kernel counts of closes that get no TIME_WAIT, or lose it early."""
    names, values = host.run("grep", "^TcpExt:", "/proc/net/netstat").splitlines()
    counters = dict(zip(names.split(), values.split(), strict=True))
    wanted = ("TWRecycled", "TWKilled", "TCPTimeWaitOverflow", "TCPAbortOnMemory", "TCPAbortOnData", "TCPAbortOnClose")
    return {name: int(counters[name]) for name in wanted}


@pytest.mark.parametrize("rate", [50, 500, 5000])
def test_the_closes_of_four_programs_are_exact_or_short_by_what_was_lost(new_host, tmp_path, rate):
    host = new_host()
    seconds = 4 if rate < 5000 else 2
    truth = {"nginx": min(rate, 500), "curl": min(rate, 100)}
    with host.exporter(tmp_path, "--who") as exporter:
        is_tracing(exporter)
        work = [
            threading.Thread(target=run_nginx, args=(host, tmp_path, truth["nginx"])),
            threading.Thread(target=run_curl, args=(host, truth["curl"])),
            threading.Thread(target=run_closer, args=(host, truth, "node-probe", rate * seconds // 2, rate / 2)),
            threading.Thread(
                target=run_closer,
                args=(host, truth, "many-threads", max(200, rate * seconds // 2), rate / 2, "--threads", 200),
            ),
        ]
        for thread in work:
            thread.start()
        for thread in work:
            thread.join()
        assert set(truth) == {"nginx", "curl", "node-probe", "many-threads"}
        page = settled(exporter, sum(truth.values()))
    found = {name: closes(page, name) for name in truth}
    lost = outcome(page, "lost")
    assert all(found[name] <= truth[name] for name in truth), (found, truth, page.text)
    # On a busy machine a row may end before a reading sees it. Then its close is unmatched, and the
    # row was not observed either, which the last assertion checks.
    ended = {name: outcome(page, name) for name in ("counted", "unmatched", "lost")}
    print(ended, page.sum("timewait_observed_total"), reasons(host))
    print(len(host.run("ss", "-Htan", "state", "time-wait", "sport", "=", ":8088").splitlines()), "TIME_WAITs of nginx")
    # Other programs of the machine may have lost some, too.
    missing = sum(truth.values()) - sum(found.values())
    assert ended["unmatched"] <= missing <= ended["unmatched"] + lost, (found, truth, ended)
    assert ended["unmatched"] <= sum(truth.values()) / 50
    assert closes(page, "nginx", role="server", peer="local") == found["nginx"]
    assert closes(page, "curl", role="client", peer="local") == found["curl"]
    assert page.get("timewait_port_closes_total", port=8088, unit="", process="nginx") == found["nginx"]
    # With what no program of ours has closed, the names add up to what began.
    named = page.sum("timewait_closes_total") + page.sum("timewait_other_closes_total")
    assert named == outcome(page, "counted")
    assert named <= page.sum("timewait_observed_total") <= named + lost


@pytest.mark.parametrize("order", ["before", "after"])
def test_closes_in_another_namespace_with_equal_ends_do_not_count(new_host, tmp_path, order):
    here, elsewhere = new_host(), new_host()
    count = 1000
    arguments = [count, 500, "--first-port", 20000, "--wait"]

    def programs():
        return started(here, "closer.py", "abc", *arguments), started(elsewhere, "closer.py", "cba", *arguments)

    def run(mine, theirs):
        for program in (mine, theirs):
            assert program.stdout.readline() == "ready\n"
        for program in (mine, theirs):
            program.stdin.write("\n")
            program.stdin.flush()
        assert answer(mine)["closed"] == answer(theirs)["closed"] == count

    # Programs that ran before the exporter are known by procfs, the others by the trace.
    if order == "before":
        first, second = programs()
        with first as mine, second as theirs, here.exporter(tmp_path, "--who") as exporter:
            is_tracing(exporter)
            run(mine, theirs)
            page = settled(exporter, count)
    else:
        with here.exporter(tmp_path, "--who") as exporter:
            is_tracing(exporter)
            first, second = programs()
            with first as mine, second as theirs:
                run(mine, theirs)
            page = settled(exporter, count)
    assert max(1, count - outcome(page, "lost")) <= closes(page, "abc") <= count
    assert page.all("timewait_closes_total", process="cba") == []


def test_a_unit_that_has_ended_has_its_name(new_host, tmp_path, control_group):
    host = new_host()
    with host.exporter(tmp_path, "--who") as exporter:
        is_tracing(exporter)
        with control_group("node-probe.service") as group:
            with started(host, "closer.py", "node-probe", 50, 1000, group=group) as program:
                answer(program)
            group.rmdir()
        page = settled(exporter, 50)
    assert closes(page, "node-probe", unit="node-probe.service") == 50


def test_a_unit_that_was_there_before_the_exporter_has_its_name(new_host, tmp_path, control_group):
    host = new_host()
    container = "docker-" + "5f0c" * 16 + ".scope"
    with (
        control_group(container) as group,
        started(host, "closer.py", "older", 50, 1000, "--wait", group=group) as program,
    ):
        assert program.stdout.readline() == "ready\n"
        with host.exporter(tmp_path, "--who") as exporter:
            is_tracing(exporter)
            program.stdin.write("\n")
            program.stdin.flush()
            answer(program)
            page = settled(exporter, 50)
    assert closes(page, "older", unit="container/5f0c5f0c5f0c") == 50


def test_a_connection_of_mptcp_has_the_name_of_its_program_and_not_of_the_kernels_worker(new_host, tmp_path):
    if pathlib.Path("/proc/sys/net/mptcp/enabled").exists():
        host = new_host()
        with host.exporter(tmp_path, "--who") as exporter:
            is_tracing(exporter)
            with started(host, "closer.py", "multipath", 50, 500, "--protocol", 262) as program:
                answer(program)
            page = settled(exporter, 50)
        assert closes(page, "multipath") == page.sum("timewait_observed_total") == 50
    else:
        pytest.skip("the kernel has no MPTCP")


def test_a_socket_that_the_kernel_frees_by_garbage_collection_is_not_blamed_on_a_program(new_host, tmp_path):
    host = new_host()
    host.do("listener = listen('127.0.0.1', 9000)")
    text = """
import array, ctypes, socket
ctypes.CDLL(None).prctl(15, b"innocent", 0, 0, 0)
client = socket.create_connection(("127.0.0.1", 9000))
one, other = socket.socketpair(socket.AF_UNIX)
# The pair and the connection lie in the queue of the pair alone.
for left, right in ((one, other), (other, one)):
    descriptors = array.array("i", [one.fileno(), other.fileno(), client.fileno()])
    left.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])
for each in (client, one, other): each.close()
# The next socket of the kind starts the collection.
for _ in range(100): socket.socketpair(socket.AF_UNIX)
"""
    with host.exporter(tmp_path, "--who") as exporter:
        is_tracing(exporter)
        subprocess.run(inside(host, sys.executable, "-c", text), check=True, timeout=60)
        host.do("server, _ = listener.accept(); assert server.recv(1) == b''; server.close()")
        page = settled(exporter, 1)
    assert outcome(page, "counted") == page.sum("timewait_observed_total") == 1
    # The worker is outside of the process namespace of the tests, and has no name there.
    assert closes(page, "kworker") + closes(page, "") == 1


def test_a_file_that_is_registered_with_io_uring_is_closed_by_the_kernels_worker(new_host, tmp_path):
    host = new_host()
    host.do("listener = listen('127.0.0.1', 9000)")
    text = """
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
IO_URING_SETUP, IO_URING_REGISTER, REGISTER_FILES = 425, 427, 2
ring = libc.syscall(IO_URING_SETUP, 4, ctypes.create_string_buffer(120))
assert ring >= 0, os.strerror(ctypes.get_errno())
client = socket.create_connection(("127.0.0.1", 9000))
descriptor = ctypes.c_int(client.fileno())
assert libc.syscall(IO_URING_REGISTER, ring, REGISTER_FILES, ctypes.byref(descriptor), 1) == 0
# The ring keeps the connection until the kernel takes it down, after the end of the process.
client.close()
"""
    with host.exporter(tmp_path, "--who") as exporter:
        is_tracing(exporter)
        subprocess.run(inside(host, sys.executable, "-c", text), check=True, timeout=60)
        host.do("server, _ = listener.accept(); assert server.recv(1) == b''; server.close()")
        page = settled(exporter, 1)
    assert outcome(page, "counted") == page.sum("timewait_observed_total") == 1
    # As above.
    assert closes(page, "kworker") + closes(page, "") == 1
