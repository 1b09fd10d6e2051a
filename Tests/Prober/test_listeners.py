"""The LISTEN ports of the host as targets (--listeners)."""

import servers as ways
from prober import poll, sockets


def targets(running):
    return {dict(labels)["target"] for (name, labels), _ in running.metrics().items() if name == "timewait_probe_success"}


def test_listeners_are_followed_as_they_come_and_go(servers, prober):
    first = servers(ways.keep_alive)
    running = prober("--listeners", "--probe.interval=200ms")
    poll("the first is probed", lambda: targets(running) == {first.place})
    second = servers(ways.keep_alive, host="0.0.0.0")
    third = servers(ways.keep_alive, host="127.0.0.5")
    places = {first.place, f"127.0.0.1:{second.port}", third.place}
    poll("all are probed", lambda: targets(running) == places)
    for server in (first, second, third):
        poll("a connection is kept", lambda server=server: len(sockets("established", peer=server.port)) == 1)
    second.end()
    poll("the second is not probed any more", lambda: targets(running) == places - {f"127.0.0.1:{second.port}"})
    running.stop()
    for server in (first, second, third):
        assert sockets("time-wait", peer=server.port) == []
        assert server.connections == 1


def test_listeners_can_be_chosen_and_probed_with_http(servers, prober):
    wanted, other = servers(ways.keep_alive), servers(ways.keep_alive)
    running = prober(
        "--listeners.module=http",
        "--probe.interval=200ms",
        f"--listeners.include={wanted.port},{other.port}",
        f"--listeners.exclude={other.port}",
    )
    running.wait_for("timewait_probe_reuses_total", wanted.place, lambda value: value >= 3, module="http")
    assert targets(running) == {wanted.place}
    assert other.connections == 0


def test_no_more_targets_are_probed_than_the_limit(servers, prober):
    for _ in range(5):
        servers(ways.keep_alive)
    running = prober("--listeners", "--probe.interval=200ms", "--targets.limit=3")
    poll("three are probed", lambda: len(targets(running)) == 3)
    assert running.metrics()["timewait_prober_targets_left_out", ()] == 2


def test_no_more_connections_are_opened_than_the_limit(servers, prober):
    all_servers = [servers(ways.keep_alive) for _ in range(5)]
    running = prober("--listeners", "--probe.interval=200ms", "--connections.limit=3")
    poll("all are probed", lambda: len(targets(running)) == 5)
    failed = [server for server in all_servers if running.reasons(server.place)]
    assert len(failed) == 2
    for server in failed:
        assert set(running.reasons(server.place)) == {"connection_limit"}
    assert sum(server.connections for server in all_servers) == 3


def test_a_listen_probe_sees_the_port_come_and_go_without_a_connection(servers, prober):
    server = servers(ways.keep_alive)
    running = prober(f"--probe.listen={server.port}", f"--probe.listen=127.0.0.9:{server.port}", "--probe.interval=200ms")
    running.wait_for("timewait_probe_success", f"{server.port}", lambda value: value == 1)
    elsewhere = f"127.0.0.9:{server.port}"
    running.wait_for("timewait_probe_failures_total", elsewhere, lambda value: value >= 1, reason="not_listening")
    server.end()
    running.wait_for("timewait_probe_success", f"{server.port}", lambda value: value == 0)
    assert server.connections == 0
