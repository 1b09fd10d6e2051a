"""Counters of the kernel are on the page as the kernel counts them, after events of each kind."""

import time

FAMILIES = {
    "timewait_entries_total": ["TW", "TWKilled"],
    "timewait_recycled_total": ["TWRecycled"],
    "timewait_overflow_total": ["TCPTimeWaitOverflow"],
}


def check(host, exporter, least):
    page = exporter.fresh()
    counters = host.counters()
    for family, names in FAMILIES.items():
        assert page.get(family) == sum(counters[name] for name in names), family
    assert all(page.get(family) >= count for family, count in least.items()), page.text


def closes(host, count, port=8080, pause=0):
    """Connections that the client closes first."""
    host.do(
        "for number in range(count):\n"
        "    client = connect('127.0.0.1', port)\n"
        "    server, _ = listener.accept()\n"
        "    client.shutdown(socket.SHUT_WR); server.recv(1); server.close(); client.recv(1); client.close()\n"
        "    time.sleep(pause)\n",
        count=count,
        port=port,
        pause=pause,
    )


def test_beyond_the_limit_of_time_waits(new_host, tmp_path):
    host = new_host(tcp_max_tw_buckets=50)
    host.do("listener = listen('127.0.0.1', 8080)")
    with host.exporter(tmp_path) as exporter:
        closes(host, 80)
        check(host, exporter, {"timewait_entries_total": 50, "timewait_overflow_total": 30})


def test_with_ports_that_are_taken_over(new_host, tmp_path):
    host = new_host(ip_local_port_range="40000 40009", tcp_tw_reuse=1)
    host.do("listener = listen('127.0.0.1', 8080)")
    with host.exporter(tmp_path) as exporter:
        closes(host, 9)
        time.sleep(1.5)
        closes(host, 8)
        check(host, exporter, {"timewait_entries_total": 17, "timewait_recycled_total": 7})


def test_with_orphans_that_end_soon(new_host, tmp_path):
    host = new_host(tcp_fin_timeout=3)
    host.do("listener = listen('127.0.0.1', 8080)")
    with host.exporter(tmp_path) as exporter:
        closes(host, 20)
        host.do(
            "pairs = [(connect('127.0.0.1', 8080), listener.accept()[0]) for _ in range(5)]\n"
            "for client, _ in pairs: client.close()\n"
        )
        check(host, exporter, {"timewait_entries_total": 25})
        assert host.counters()["TWKilled"] >= 5
