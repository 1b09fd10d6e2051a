"""Netlink fails, or changes while it is dumped. (A source that is refused from the start, and
counters after a fallback: Tests/EndToEndTests/SourceTests.swift.)"""

import pytest

from exporter import poll
from scene import TIME_WAITS, errors, get, lacks_table, last_success, success


@pytest.mark.parametrize("error", ["EAGAIN", "ENOMEM", "ENOBUFS"])
def test_without_an_answer_of_sock_diag_procfs_is_read_until_there_is_one(new_scene, error):
    scene = new_scene()
    scene.await_page("everything is read", scene.is_whole)
    with scene.fault(f"recvfrom:error={error}"):
        page = scene.await_page(
            "procfs is read", lambda page: page.get("timewait_sampler_source_info", source="procfs") == 1
        )
        # What only sock_diag gives is gone, the rest is not.
        assert success(page, "listeners") is None
        assert success(page, "bound_sockets") is None
        assert scene.time_waits(page, 8080) == TIME_WAITS
        assert page.sum("timewait_port_accept_queue_limit") == 0 and not page.all("timewait_port_accept_queue_limit")
        (line,) = scene.lines("level=WARN", "Falling back to procfs")
        assert "sock_diag: recv: " in line
    scene.await_recovery()
    scene.stop()


def test_with_neither_source_the_table_is_absent(new_scene):
    scene = new_scene()
    scene.await_page("everything is read", scene.is_whole)
    with scene.fault("recvfrom:error=ENOBUFS", "openat:error=EMFILE"):
        page = scene.await_page("the table is absent", lacks_table)
        later = scene.await_page(
            "it is tried again",
            lambda page: errors(page, "socket_table", "read_failed") > 1,
        )
        assert last_success(later, "socket_table") == last_success(page, "socket_table")
    scene.await_recovery()
    scene.stop()


ADDRESSES = """
import threading
lines = [f"address add 10.{n >> 8 & 255}.{n & 255}.1/32 dev lo" for n in range(4000)]
subprocess.run(["ip", "-batch", "-"], input="\\n".join(lines), text=True, check=True)
run(["ip", "-6", "route", "add", "local", "2001:db8:9::/64", "dev", "lo"])
far = listen("::", 8090, v6only=True)
client = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
IPV6_FREEBIND = 78
client.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
client.bind(("2001:db8:9::7", 0))
client.connect(("2001:db8:9::1", 8090))
server, _ = far.accept()
close(server, client)
ended = threading.Event()
def change():
    while not ended.is_set():
        lines = ["address add 10.200.0.1/32 dev lo", "address del 10.200.0.1/32 dev lo"] * 200
        subprocess.run(["ip", "-batch", "-"], input="\\n".join(lines), text=True, check=True)
changer = threading.Thread(target=change)
"""


def test_addresses_that_change_during_each_dump_are_read_from_files_until_they_rest(new_scene):
    """The kernel marks the dump (NLM_F_DUMP_INTR). Of 4,000 addresses it takes several answers."""
    scene = new_scene()
    del scene.truth["timewait_listening_ports", "exposure", "outside"]
    scene.host.do(ADDRESSES)
    # A whole prefix is local here, which only rtnetlink shows.
    of_prefix = ("timewait_port_sockets", "port", "8090", "role", "server", "peer", "local")
    scene.await_page("the prefix is known", lambda page: get(page, of_prefix) == 1)
    scene.host.do("changer.start()")
    try:
        # So that a change comes between two answers of each dump.
        with scene.fault("recvfrom:delay_enter=30000", all_threads=True):
            poll("it is said", lambda: scene.look() and scene.lines("Reading local addresses from files"))
            (line,) = scene.lines("level=WARN", "Reading local addresses from files")
            assert "what was dumped changed meanwhile" in line
            page = scene.await_page("the files are read", lambda page: success(page, "local_addresses") == 1)
            assert scene.time_waits(page, 8080) in (None, TIME_WAITS)
    finally:
        scene.host.do("ended.set(); changer.join()")
    scene.await_page("rtnetlink is read again", lambda page: get(page, of_prefix) == 1)
    scene.await_recovery()
    scene.stop()
