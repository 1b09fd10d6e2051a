"""Connections from fixed source ports (--source.ports)."""

import socket
import subprocess

import servers as ways
from prober import BINARY, refusal, sockets

FAST = {"interval": "200ms", "jitter": "0%"}


def test_many_targets_share_the_source_ports_and_keep_a_connection_each(servers, prober):
    targets = [servers(ways.keep_alive) for _ in range(10)]
    running = prober(
        "--source.ports=61000-61002",
        config={
            "modules": {"h": {**FAST, "probe": "http"}, "t": {**FAST, "probe": "tcp"}},
            "targets": [
                {"module": "h", "targets": [server.url for server in targets[:5]]},
                {"module": "t", "targets": [server.place for server in targets[5:]]},
            ],
        },
    )
    names = [server.url for server in targets[:5]] + [server.place for server in targets[5:]]
    for name in names:
        running.wait_for("timewait_probe_successes_total", name, lambda value: value >= 5)
        assert running.reasons(name) == {}
    for server in targets:
        assert server.connections == 1
        [(local, _)] = sockets("established", peer=server.port)
        assert 61000 <= local <= 61002


def test_two_targets_at_one_address_get_two_source_ports(servers, prober):
    server = servers(ways.keep_alive)
    names = [f"http://{server.place}/{path}" for path in "ab"] + [server.place]
    running = prober(
        "--source.ports=61000-61009",
        config={
            "modules": {"h": {**FAST, "probe": "http", "keep": False}, "t": {**FAST, "probe": "tcp"}},
            "targets": [{"module": "h", "targets": names[:2]}, {"module": "t", "targets": names[2:]}],
        },
    )
    for name in names:
        running.wait_for("timewait_probe_successes_total", name, lambda value: value >= 20)
        assert running.reasons(name) == {}
    assert server.errors == {}


def test_more_targets_at_one_address_than_source_ports_fail_with_their_reason(servers, prober):
    server = servers(ways.keep_alive)
    names = [f"http://{server.place}/{path}" for path in "ab"]
    running = prober(
        "--source.ports=61000-61000",
        config={"modules": {"h": {**FAST, "probe": "http"}}, "targets": [{"module": "h", "targets": names}]},
    )
    for name in names:
        running.wait_for("timewait_probe_duration_seconds", name, lambda value: True)
    assert sorted(running.value("timewait_probe_success", name) for name in names) == [0, 1]
    assert [set(reasons) for reasons in map(running.reasons, names) if reasons] == [{"source_port"}]


def test_source_ports_in_the_ephemeral_range_are_refused(prober):
    low, high = map(int, open("/proc/sys/net/ipv4/ip_local_port_range").read().split())
    status, line = refusal(f"--source.ports={high - 10}-{high + 10}")
    assert status == 1
    assert f"port {high - 10} is in the ephemeral port range {low}-{high}" in line
    assert "--source.allow-ephemeral" in line
    prober(f"--source.ports={high - 10}-{high}", "--source.allow-ephemeral")


def test_source_ports_on_which_a_socket_listens_are_refused():
    with socket.create_server(("127.0.0.1", 61005)):
        status, line = refusal("--source.ports=61000-61009")
    assert status == 1
    assert "a socket listens on port 61005" in line


def test_invalid_source_ports_are_refused_with_what_is_wrong():
    for text, reason in [
        ("61000-", "expected the first"),
        ("0-10", "port 0 is not 1 to 65535"),
        ("61010-61000", "the range runs backwards"),
        ("65000-65536", "port 65536 is not 1 to 65535"),
        ("a-b", "expected the first"),
        ("1-2-3", "expected the first"),
    ]:
        status, line = refusal(f"--source.ports={text}")
        assert status == 64
        assert reason in line
        assert "such as 61000-61999" in line


def test_source_ports_with_the_probers_own_port_are_refused():
    for flags, port in [
        (["--source.ports=10000-10099"], 10058),
        (["--source.ports=61000-61009", "--web.listen-address=127.0.0.1:61003"], 61003),
    ]:
        status, line = refusal(*flags)
        assert status == 64
        assert f"port {port} is that of '--web.listen-address'" in line
        assert line.count("\n") == 1


def test_source_ports_that_take_a_privilege_are_refused_without_it():
    command = ["setpriv", "--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service", BINARY]
    done = subprocess.run([*command, "--source.ports=900-910"], capture_output=True, text=True, timeout=30)
    start = open("/proc/sys/net/ipv4/ip_unprivileged_port_start").read().strip()
    assert done.returncode == 1
    assert f"port 900 is below net.ipv4.ip_unprivileged_port_start ({start})" in done.stderr
    assert "CAP_NET_BIND_SERVICE" in done.stderr
    assert done.stderr.count("\n") == 1
