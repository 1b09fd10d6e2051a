"""Targets that do what a target should not: the probe fails with its reason, in time, and the
others go on."""

import pytest

import servers as ways
from prober import poll

FAST = {
    "probe": "http",
    "interval": "500ms",
    "connect_timeout": "3s",
    "first_byte_timeout": "1s",
    "timeout": "5s",
    "back_off_limit": "0",
}


def configuration(*targets, tls=None):
    http = {"path": "/", "body_limit": 100000}
    if tls:
        http["tls"] = tls
    return {
        "modules": {"fast": {**FAST, "http": http}},
        "targets": [{"module": "fast", "targets": list(targets)}],
    }


@pytest.mark.parametrize(
    ("way", "reason", "seconds"),
    [
        (ways.hang, "first_byte_timeout", 3),
        (ways.slow_body, "timeout", 8),
        (ways.reset, "reset", 3),
        (ways.close_at_once, "closed|reset", 3),
        (ways.close_after_request, "closed", 3),
        (ways.endless_body, "body_too_long", 3),
        (ways.endless_headers, "protocol", 3),
        (ways.endless_header, "protocol", 3),
        (ways.no_http, "protocol|other", 3),
        (ways.unavailable, "status", 3),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_hostile_target_fails_with_its_reason_and_leaves_the_others_alone(servers, prober, way, reason, seconds):
    bad, good = servers(way), servers(ways.keep_alive)
    running = prober(config=configuration(bad.url, good.url))
    running.wait_for("timewait_probe_success", bad.url, lambda value: value == 0)
    running.wait_for("timewait_probe_success", good.url, lambda value: value == 1)
    successes = running.value("timewait_probe_successes_total", good.url)
    running.wait_for("timewait_probe_successes_total", good.url, lambda value: value >= successes + 5)
    assert set(running.reasons(bad.url)) <= set(reason.split("|")), running.log()
    assert running.reasons(bad.url)
    assert running.reasons(good.url) == {}
    assert good.connections == 1
    assert running.value("timewait_probe_duration_seconds", bad.url) < seconds
    # Failed probes leave no connection behind that counts against the limit.
    poll("two connections at most", lambda: running.metrics()["timewait_prober_connections", ()] <= 2)


def test_a_port_without_a_listener_is_refused_and_its_return_is_noticed(servers, prober):
    server = servers(ways.keep_alive)
    server.end()
    running = prober(config=configuration(server.url))
    running.wait_for("timewait_probe_failures_total", server.url, lambda value: value >= 1, reason="refused")
    servers(ways.keep_alive, port=server.port)
    running.wait_for("timewait_probe_success", server.url, lambda value: value == 1)


def test_a_target_that_closes_idle_connections_is_reconnected_and_does_not_fail(servers, prober):
    module = {**FAST, "interval": "3s"}
    idle = servers(ways.close_when_idle)
    running = prober(
        config={"modules": {"slow": module}, "targets": [{"module": "slow", "targets": [idle.url]}]},
    )
    running.wait_for("timewait_probe_successes_total", idle.url, lambda value: value >= 3)
    assert running.reasons(idle.url) == {}
    assert running.value("timewait_probe_connections_total", idle.url) >= 3


def test_a_bad_certificate_fails_and_the_right_authority_and_name_succeed(servers, prober, tmp_path):
    authority, context = ways.certificate(tmp_path, "web.example")
    server = servers(ways.keep_alive, context=context)
    running = prober(config=configuration(server.url))
    running.wait_for("timewait_probe_failures_total", server.url, lambda value: value >= 1, reason="tls")
    # Known, but for another name.
    running = prober(config=configuration(server.url, tls={"ca_file": str(authority)}))
    running.wait_for("timewait_probe_failures_total", server.url, lambda value: value >= 1, reason="tls")
    running = prober(
        config=configuration(server.url, tls={"ca_file": str(authority), "server_name": "web.example"}),
    )
    running.wait_for("timewait_probe_successes_total", server.url, lambda value: value >= 3)
    assert running.value("timewait_probe_connections_total", server.url) == 1
    running = prober(config=configuration(server.url, tls={"insecure_skip_verify": True}))
    running.wait_for("timewait_probe_successes_total", server.url, lambda value: value >= 1)


@pytest.mark.parametrize("probe", ["http", "tcp"])
def test_a_target_that_changes_its_address_is_followed(servers, prober, tmp_path, probe):
    old = servers(ways.keep_alive, host="127.0.0.2")
    new = servers(ways.keep_alive, host="127.0.0.3", port=old.port)
    good = servers(ways.keep_alive)
    names = tmp_path / "hosts"
    names.write_text("127.0.0.2 moving.example\n")
    target = f"moving.example:{old.port}"
    running = prober(
        config={
            "modules": {"fast": {**FAST, "probe": probe}},
            "targets": [{"module": "fast", "targets": [target, good.place]}],
        },
        # A file of names of its own.
        wrapper=["unshare", "--mount", "sh", "-c", f'mount --bind {names} /etc/hosts && exec "$@"', "sh"],
    )
    running.wait_for("timewait_probe_success", target, lambda value: value == 1)
    assert (old.connections, new.connections) == (1, 0)
    names.write_text("127.0.0.3 moving.example\n")
    running.wait_for("timewait_probe_connections_total", target, lambda value: value == 2)
    running.wait_for("timewait_probe_success", target, lambda value: value == 1)
    assert (old.connections, new.connections) == (1, 1)
    names.write_text("127.0.0.4 moving.example\n")
    running.wait_for("timewait_probe_failures_total", target, lambda value: value >= 1, reason="refused")
    assert good.connections == 1
    assert running.reasons(good.place) == {}


def test_a_name_that_nobody_knows_fails_and_leaves_the_others_alone(servers, prober):
    good = servers(ways.keep_alive)
    target = "http://nobody.invalid:80/"
    running = prober(config=configuration(target, good.url))
    running.wait_for("timewait_probe_failures_total", target, lambda value: value >= 1, reason="resolve")
    running.wait_for("timewait_probe_successes_total", good.url, lambda value: value >= 3)


def test_a_target_that_fails_is_probed_less_often(servers, prober):
    server = servers(ways.unavailable)
    module = {**FAST, "interval": "200ms", "back_off_limit": "60s"}
    running = prober(
        config={"modules": {"fast": module}, "targets": [{"module": "fast", "targets": [server.url]}]},
    )
    # 0.2, 0.2, 0.4, 0.8, 1.6, 3.2 s: the sixth failure comes after 6 s, not after 1.2 s.
    running.wait_for("timewait_probe_failures_total", server.url, lambda value: value >= 6, reason="status")
    running.stop()
    assert server.requests < 10


TCP = {"probe": "tcp", "interval": "500ms", "jitter": "0%", "back_off_limit": "0"}


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize(
    ("way", "reasons"),
    [(ways.close_at_once, {"closed"}), (ways.reset_at_once, {"reset"})],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_tcp_target_that_ends_each_connection_at_once_fails_with_its_reason(servers, prober, way, reasons, keep):
    server = servers(way)
    running = prober(
        config={"modules": {"t": {**TCP, "keep": keep}}, "targets": [{"module": "t", "targets": [server.place]}]},
    )
    running.wait_for("timewait_probe_failures_total", server.place, lambda value: value >= 5)
    assert set(running.reasons(server.place)) == reasons
    assert running.value("timewait_probe_success", server.place) == 0


def test_a_tcp_target_that_ends_each_connection_within_a_second_fails_from_the_second_probe_on(servers, prober):
    server = servers(ways.close_after_a_moment)
    running = prober(config={"modules": {"t": TCP}, "targets": [{"module": "t", "targets": [server.place]}]})
    running.wait_for("timewait_probe_failures_total", server.place, lambda value: value >= 5, reason="closed")
    # A machine without time for the prober may see the end in the first 20 ms or later.
    assert running.value("timewait_probe_successes_total", server.place) <= 1
    assert running.log().count("A probe failed") == 1


def test_a_tcp_target_that_closes_idle_connections_is_reconnected_and_does_not_fail(servers, prober):
    module = {**TCP, "interval": "3s"}
    idle = servers(ways.close_when_idle)
    running = prober(config={"modules": {"t": module}, "targets": [{"module": "t", "targets": [idle.place]}]})
    running.wait_for("timewait_probe_successes_total", idle.place, lambda value: value >= 4)
    assert running.reasons(idle.place) == {}
    assert running.value("timewait_probe_connections_total", idle.place) >= 3


def test_a_tcp_target_that_stops_to_end_its_connections_recovers(servers, prober):
    def end_while_told(server, connection):
        if not ready:
            return
        ways.wait_for_end(server, connection)

    ready = []
    server = servers(end_while_told)
    running = prober(config={"modules": {"t": TCP}, "targets": [{"module": "t", "targets": [server.place]}]})
    running.wait_for("timewait_probe_failures_total", server.place, lambda value: value >= 2)
    ready.append(True)
    running.wait_for("timewait_probe_reuses_total", server.place, lambda value: value >= 3)
    assert running.value("timewait_probe_success", server.place) == 1


def test_a_target_that_changes_with_each_probe_has_few_lines_in_the_log(servers, prober):
    def alternate(server, connection):
        while ways.read_request(server, connection):
            status = b"200 OK" if server.requests % 2 else b"503 No"
            connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")

    server = servers(alternate)
    module = {**FAST, "interval": "100ms", "jitter": "0%"}
    running = prober(config={"modules": {"h": module}, "targets": [{"module": "h", "targets": [server.url]}]})
    running.wait_for("timewait_probe_failures_total", server.url, lambda value: value >= 20, reason="status")
    # Four in each minute that has begun.
    lines = running.log().count("A probe failed") + running.log().count("Probes succeed again")
    assert 2 <= lines <= 8
