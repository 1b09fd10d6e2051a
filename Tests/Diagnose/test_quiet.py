"""Hosts on which nothing is wrong, although a number may look alarming: nothing is found, and the
exit status is 0."""

import pytest

from exporter import poll

# Enough that somebody would worry: the text says why they are normal from 1,000 on.
CONNECTIONS, BACKENDS = 4000, 64


def assert_nothing_is_found(machine, *flags):
    diagnosis = machine.diagnose(*flags)
    assert diagnosis.findings == [], diagnosis.text
    assert diagnosis.status == 0
    return diagnosis


def test_a_host_at_rest(machine):
    diagnosis = assert_nothing_is_found(machine)
    assert diagnosis.json["summary"]["severity"] is None
    assert diagnosis.json["summary"]["time_wait"] == 0
    assert diagnosis.json["normal_because"] is None
    machine.do("services = [listen('0.0.0.0', port) for port in (22, 80, 443)]")
    assert assert_nothing_is_found(machine).json["summary"]["listen_sockets"] == 3


def test_a_busy_reverse_proxy_has_many_time_waits_and_the_answer_says_why(new_machine):
    proxy, backends = new_machine(), new_machine()
    proxy.connect_with(backends, "10.20.0.1/16", "10.20.0.2/16")
    addresses = [f"10.20.1.{number}" for number in range(1, BACKENDS + 1)]
    for address in addresses:
        backends.ip(f"address add {address}/16 dev veth0")
    backends.do("service = serve(listen('0.0.0.0', 8080))")
    proxy.do("services = [serve(listen('0.0.0.0', port)) for port in (80, 443)]")
    worker = proxy.program("proxy")
    for address in addresses:
        worker.do("dial(address, 8080, 'client', count)", address=address, count=CONNECTIONS // BACKENDS)
    # A tenth as many of its own clients, after whose requests the proxy closes first.
    backends.do("dial('10.20.0.1', 443, 'service', count)", count=CONNECTIONS // 10)
    before = len(proxy.time_waits())
    diagnosis = assert_nothing_is_found(proxy)
    summary = diagnosis.json["summary"]
    # Some may end, and some that are still closing may begin, between both counts.
    assert abs(summary["time_wait"] - before) <= 10
    assert summary["time_wait"] >= 0.95 * (CONNECTIONS + CONNECTIONS // 10)
    assert summary["time_wait_local"] == 0
    assert summary["destinations"] == BACKENDS
    assert diagnosis.json["normal_because"]
    text = proxy.output()
    assert "are normal here" in text.stdout
    assert "found nothing:" not in text.stdout
    assert "found nothing:" in proxy.output("--verbose").stdout


@pytest.mark.parametrize("flags", [[], ["--services.ports=8443"]])
def test_a_clean_restart_of_a_service_that_closes_first_and_sets_so_reuseaddr(machine, flags):
    service = machine.program("service")
    service.do("listener = serve(listen('0.0.0.0', 8443))")
    machine.do("dial('127.0.0.1', 8443, 'service', 30)")
    machine.wait_for_time_waits(30)
    service.end()
    again = machine.program("service")
    again.do("listener = serve(listen('0.0.0.0', 8443))")
    assert len(machine.ss("state", "time-wait", "sport = :8443")) == 30
    assert_nothing_is_found(machine, *flags)


def test_a_node_with_50_listeners_on_ports_that_the_kernel_chose(machine):
    machine.do(
        "for _ in range(50):\n"
        "    kept[len(kept)] = one = stream('0.0.0.0')\n"
        "    one.bind(('0.0.0.0', 0)); one.listen()\n"
        "result = [one.getsockname()[1] for one in kept.values()]"
    )
    diagnosis = assert_nothing_is_found(machine)
    assert diagnosis.json["summary"]["listen_sockets"] == 50


def test_nothing_is_left_of_a_machine_that_was_troubled(machine):
    machine.do("service = listen('0.0.0.0', 8080); clients = [connect('127.0.0.1', 8080) for _ in range(20)]")
    assert machine.diagnose().ids == {"accept_queue_growing"}
    machine.do("for client in clients: close(client, service.accept()[0])")
    poll("nobody waits", lambda: not machine.ss("state", "established"))
    assert_nothing_is_found(machine)
