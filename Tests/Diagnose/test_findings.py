"""Each finding that a network namespace can make, end to end: a machine that just has it, and the
same one that has not."""

import errno
import time

import pytest

from exporter import poll

NARROW = {"ip_local_port_range": "40000 40299"}
# 150 of its ports are odd, which bind() to port 0 takes first.
PORTS, HALF = 300, 150
OPEN = """
def hold(count, port, address="127.0.0.1", **options):
    for _ in range(count):
        client = connect(address, port, **options)
        # The service has accepted it.
        client.sendall(b"hello")
        assert client.recv(100) == b"hello"
        kept[len(kept)] = client
"""


def narrow(new_machine, services=1, **sysctls):
    """A machine with a narrow range and services outside of it, and a client there."""
    machine = new_machine(**NARROW, **sysctls)
    machine.do("services = [serve(listen('0.0.0.0', 8000 + number)) for number in range(count)]", count=services)
    client = machine.program("client")
    client.do(OPEN)
    return machine, client


# What sysctls alone make.


@pytest.mark.parametrize(
    ("check", "sysctls", "status", "evidence"),
    [
        ("timestamps_off", {"tcp_timestamps": 0}, 1, {"tcp_timestamps": 0}),
        ("fin_timeout_cuts_fin_wait2", {"tcp_fin_timeout": 61}, 1, {"tcp_fin_timeout": 61, "fin_wait2_seconds": 2}),
        ("fin_timeout_cuts_fin_wait2", {"tcp_fin_timeout": 119}, 1, {"fin_wait2_seconds": 118}),
        ("range_ends_same_parity", {"ip_local_port_range": "32768 60998"}, 0, {"range_low": 32768, "range_high": 60998}),
        (
            "reserved_ports_idle",
            {"ip_local_reserved_ports": "8080-8088,50070-50079"},
            0,
            {"reserved": 19, "no_listener": 10, "out_of_range": 9},
        ),
    ],
)
def test_a_sysctl_is_a_finding(new_machine, check, sysctls, status, evidence):
    machine = new_machine(**sysctls)
    diagnosis = machine.diagnose()
    assert diagnosis.ids == {check}
    assert diagnosis.status == status
    assert evidence.items() <= diagnosis.one(check)["evidence"].items()


@pytest.mark.parametrize(
    "sysctls",
    [
        {"tcp_timestamps": 2},
        {"tcp_fin_timeout": 30},
        {"tcp_fin_timeout": 60},
        {"tcp_fin_timeout": 120},
        {"ip_local_port_range": "32769 60998"},
    ],
)
def test_other_values_of_the_same_sysctls_give_no_finding(new_machine, sysctls):
    assert new_machine(**sysctls).diagnose().findings == []


def test_the_command_of_a_sysctl_finding_ends_it(new_machine):
    machine = new_machine(tcp_timestamps=0, tcp_fin_timeout=90)
    for finding in machine.diagnose().findings:
        for command in finding["now"]["commands"]:
            machine.run("sh", "-c", command.removeprefix("sudo "))
    assert machine.diagnose().findings == []


@pytest.mark.parametrize("count", [500, 501])
def test_a_changed_fin_timeout_is_a_finding_if_there_are_many_time_waits(new_machine, count):
    client, server = new_machine(tcp_fin_timeout=30), new_machine()
    client.connect_with(server, "10.0.0.1/24", "10.0.0.2/24")
    server.do("service = serve(listen('0.0.0.0', 8080))")
    client.do("dial('10.0.0.2', 8080, 'client', count)", count=count)
    client.wait_for_time_waits(count)
    diagnosis = client.diagnose()
    assert diagnosis.status == 0
    assert diagnosis.ids == ({"fin_timeout_is_not_time_wait"} if count > 500 else set())


# Services.


@pytest.mark.parametrize(
    ("waiting", "backlog", "is_long"), [(10, 4096, False), (11, 4096, True), (3, 5, True), (2, 5, False)]
)
def test_connections_that_wait_for_accept(machine, waiting, backlog, is_long):
    service = machine.program("busy")
    service.do("service = listen('0.0.0.0', 8080, backlog)", backlog=backlog)
    machine.do("clients = [connect('127.0.0.1', 8080) for _ in range(waiting)]", waiting=waiting)
    assert machine.ss("state", "listening")[0].split()[:2] == [str(waiting), str(backlog)]
    diagnosis = machine.diagnose()
    assert diagnosis.ids == ({"accept_queue_growing"} if is_long else set())
    if is_long:
        found = diagnosis.one("accept_queue_growing")
        assert found["key"] == "8080"
        evidence = found["evidence"]
        assert (evidence["waiting"], evidence["limit"]) == (waiting, backlog)
        assert (evidence["owner"]["pid"], evidence["owner"]["process"]) == (service.pid, "busy")


@pytest.mark.parametrize("count", [100, 101])
def test_a_service_that_does_not_close(machine, count):
    service = machine.program("leaky")
    service.do("service = listen('0.0.0.0', 8080)")
    machine.do("clients = [connect('127.0.0.1', 8080) for _ in range(count)]", count=count)
    service.do("taken = [service.accept()[0] for _ in range(count)]", count=count)
    machine.do("for client in clients: client.close()")
    assert len(machine.ss("state", "close-wait")) == count
    diagnosis = machine.diagnose()
    assert diagnosis.ids == ({"close_wait_growing"} if count > 100 else set())
    if count > 100:
        found = diagnosis.one("close_wait_growing")
        assert (found["key"], found["evidence"]["close_wait"]) == ("8080", count)
        assert found["evidence"]["owner"]["pid"] == service.pid


def test_a_service_that_closes_fewer_and_fewer_is_seen_over_time(machine):
    service = machine.program("leaky")
    service.do("import threading\nservice = listen('0.0.0.0', 8080)")
    assert machine.diagnose("--for=1s").findings == []
    machine.do(
        "import threading\n"
        "def leak():\n"
        "    for _ in range(60):\n"
        "        connect('127.0.0.1', 8080).close(); time.sleep(0.05)\n"
        "leaking = threading.Thread(target=leak); leaking.start()"
    )
    service.do(
        "taken = []\n"
        "threading.Thread(target=lambda: [taken.append(service.accept()[0]) for _ in range(60)], daemon=True).start()"
    )
    time.sleep(0.5)
    diagnosis = machine.diagnose("--for=2s")
    found = diagnosis.one("close_wait_growing")
    assert found["evidence"]["rise"] >= 5
    assert 1 <= diagnosis.json["seconds_between_readings"] <= 4
    machine.do("leaking.join()")


def test_a_client_that_is_connected_to_itself(machine):
    client = machine.program("retrier")
    client.do("itself = connect('127.0.0.1', 50051, source_port=50051)")
    diagnosis = machine.diagnose()
    found = diagnosis.one("self_connected")
    assert diagnosis.status == 2
    assert found["key"] == "50051"
    assert found["evidence"]["address"] == "127.0.0.1"
    assert found["evidence"]["state"] == "established"
    assert (found["evidence"]["owner"]["pid"], found["evidence"]["owner"]["process"]) == (client.pid, "retrier")
    # It is a destination, and a holder of a port; but nothing else is wrong.
    assert diagnosis.ids == {"self_connected"}


@pytest.mark.parametrize("port", [50052, 50051])
def test_a_port_that_nobody_gets_by_chance_is_exposed(machine, port):
    service = machine.program("ledger")
    service.do("service = listen('0.0.0.0', port)", port=port)
    diagnosis = machine.diagnose()
    # bind() to port 0 gives the odd ones.
    assert diagnosis.ids == ({"listener_exposed"} if port % 2 == 0 else set())
    assert machine.diagnose(f"--services.ports={port}").one("listener_exposed")["evidence"]["services"][0]["owner"][
        "pid"
    ] == (service.pid)
    machine.sysctls({"ip_local_reserved_ports": port})
    assert machine.diagnose(f"--services.ports={port}").findings == []


def test_a_service_port_with_only_its_own_old_connections_is_blocked(machine):
    service = machine.program("service")
    service.do("listener = serve(listen('0.0.0.0', 8443, reuse=False))")
    machine.do("dial('127.0.0.1', 8443, 'service', 7)")
    service.end()
    diagnosis = machine.diagnose("--services.ports=8443")
    assert diagnosis.ids == {"service_port_blocked"}
    found = diagnosis.one("service_port_blocked")
    assert (found["key"], found["evidence"]["time_wait"], found["evidence"]["live"]) == ("8443", 7, 0)
    assert 50 < found["evidence"]["free_in_seconds"] <= 64
    again = machine.program("service")
    with pytest.raises(AssertionError, match="Address already in use"):
        again.do("listener = listen('0.0.0.0', 8443, reuse=False)")


def test_a_udp_service_port_that_is_taken(machine):
    holder = machine.program("holder")
    holder.do("taken = socket.socket(type=socket.SOCK_DGRAM); taken.bind(('0.0.0.0', 51820))")
    diagnosis = machine.diagnose("--services.ports=51820/udp")
    assert diagnosis.status == 0, "a socket on a UDP port is its service's, until another one is known"


# The range.


@pytest.mark.parametrize("count", [75, 76])
def test_clients_that_bind_before_they_connect(new_machine, count):
    machine, client = narrow(new_machine, 3)
    for number in range(3):
        client.do("hold(count, port, bind_first=True)", count=count // 3 + (number < count % 3), port=8000 + number)
    diagnosis = machine.diagnose()
    assert diagnosis.ids == ({"bind_half_used"} if count > HALF / 2 else set())
    if count > HALF / 2:
        found = diagnosis.one("bind_half_used")
        assert found["evidence"] == {"usable": HALF, "used": count}
        assert f"pid {client.pid}" in " ".join(found["seen"])


def test_a_client_that_sets_ip_bind_address_no_port_is_not_blamed(new_machine):
    machine, client = narrow(new_machine, 3)
    late = machine.program("late")
    late.do(OPEN)
    # The others leave no even port, so that these get odd ones.
    for number in range(3):
        late.do("hold(60, port, source='127.0.0.1')", port=8000 + number)
        client.do("hold(20, port, bind_first=True)", port=8000 + number)
    for number in range(3):
        client.do("hold(10, port, bind_first=True)", port=8000 + number)
    found = machine.diagnose().one("bind_half_used")
    assert f"pid {client.pid}" in " ".join(found["seen"])


def test_a_range_that_is_nearly_used(new_machine):
    machine, client = narrow(new_machine, 4)
    # No destination has half of them, and all of them together have 85 %.
    for number in range(4):
        client.do("hold(63, port, bind_first=True)", port=8000 + number)
    assert machine.diagnose().ids == {"bind_half_used"}
    client.do("hold(4, 8000, bind_first=True)")
    diagnosis = machine.diagnose()
    found = diagnosis.one("range_nearly_used")
    assert diagnosis.ids == {"range_nearly_used"}
    assert found["explains"] == ["bind_half_used"]
    assert found["evidence"]["usable"] == PORTS
    assert found["evidence"]["established"] == 4 * 63 + 4


@pytest.mark.parametrize(("count", "severity"), [(150, None), (151, "warning"), (255, "warning"), (256, "critical")])
def test_a_destination_that_uses_half_of_the_ports(new_machine, count, severity):
    machine, client = narrow(new_machine)
    client.do("hold(count, 8000)", count=count)
    diagnosis = machine.diagnose()
    assert diagnosis.ids == (set() if severity is None else {"destination_ports_half_used"})
    if severity:
        found = diagnosis.one("destination_ports_half_used")
        assert found["severity"] == severity
        evidence = found["evidence"]
        assert (evidence["usable"], evidence["live"], evidence["time_wait"]) == (PORTS, count, 0)
        assert (evidence["address"], evidence["port"]) == ("127.0.0.1", 8000)
        assert (evidence["pid"], evidence["process"], evidence["held_by_process"]) == (client.pid, "client", count)
        # Live connections hold them: nothing is to be had of tcp_tw_reuse.
        assert not any("tcp_tw_reuse" in command for command in found["now"]["commands"])


def test_a_destination_without_a_port_left(new_machine):
    machine, client = narrow(new_machine)
    client.do("hold(count, 8000)", count=PORTS)
    with pytest.raises(AssertionError, match="Cannot assign requested address"):
        client.do("hold(1, 8000)")
    diagnosis = machine.diagnose()
    assert diagnosis.status == 2
    found = diagnosis.one("destination_exhausting")
    # It fills the range, too: one cause, one finding.
    assert diagnosis.ids == {"destination_exhausting"}
    assert set(found["explains"]) >= {"destination_ports_half_used"}
    assert found["evidence"]["live"] == PORTS
    assert found["fails_in_seconds"] == 0


def test_one_reading_says_how_soon_a_destination_runs_out(new_machine):
    machine, client = narrow(new_machine)
    client.do(
        "import threading\n"
        "failed_at = None\n"
        "def churn():\n"
        "    global failed_at\n"
        "    while failed_at is None:\n"
        "        try:\n"
        "            dial('127.0.0.1', 8000, 'client')\n"
        "        except OSError as error:\n"
        "            failed_at = time.monotonic(), error.errno\n"
        "        time.sleep(1 / 15)\n"
        "threading.Thread(target=churn, daemon=True).start()"
    )
    # The rate is that of the last ten seconds; the TIME_WAITs tell when they began.
    time.sleep(10.5)
    diagnosis = machine.diagnose()
    asked_at = client.do("result = time.monotonic()")
    found = diagnosis.one("destination_exhausting")
    assert diagnosis.status == 2
    assert found["evidence"]["time_wait"] > found["evidence"]["live"]
    assert any("tcp_tw_reuse=1" in command for command in found["now"]["commands"])
    forecast = found["evidence"]["exhaustion_seconds"]
    failed_at, code = poll("no port is left", lambda: client.do("result = failed_at"), 60)
    assert code == errno.EADDRNOTAVAIL
    assert 0.6 < forecast / (failed_at - asked_at) < 1.5
    # The command helps.
    for command in found["now"]["commands"]:
        machine.run("sh", "-c", command.removeprefix("sudo "))
    time.sleep(2)
    client.do("dial('127.0.0.1', 8000, 'client')")


def test_a_range_without_a_usable_port(new_machine):
    machine = new_machine(ip_local_port_range="40000 40009", ip_local_reserved_ports="40000-40009")
    machine.do("service = listen('127.0.0.1', 8080)")
    with pytest.raises(AssertionError, match="Cannot assign requested address"):
        machine.do("connect('127.0.0.1', 8080)")
    diagnosis = machine.diagnose()
    assert diagnosis.status == 2
    assert diagnosis.one("destination_ports_half_used")["evidence"]["usable"] == 0


# The kernel's limit.


@pytest.mark.parametrize(("count", "is_near"), [(75, False), (76, True)])
def test_time_waits_that_near_their_limit(new_machine, count, is_near):
    client, server = new_machine(tcp_max_tw_buckets=100), new_machine()
    client.connect_with(server, "10.0.0.1/24", "10.0.0.2/24")
    server.do("service = serve(listen('0.0.0.0', 8080))")
    client.do("dial('10.0.0.2', 8080, 'client', count)", count=count)
    diagnosis = client.diagnose()
    assert diagnosis.ids == ({"buckets_near_limit"} if is_near else set())
    if is_near:
        assert diagnosis.one("buckets_near_limit")["evidence"] == {"peak": count, "limit": 100}


def test_connections_that_close_without_time_wait_are_seen_over_time(new_machine):
    client, server = new_machine(tcp_max_tw_buckets=10), new_machine()
    client.connect_with(server, "10.0.0.1/24", "10.0.0.2/24")
    server.do("service = serve(listen('0.0.0.0', 8080))")
    client.do("dial('10.0.0.2', 8080, 'client', 30)")
    lost = client.counters()["TCPTimeWaitOverflow"]
    assert lost > 0
    # One reading cannot tell whether it goes on.
    one = client.diagnose()
    assert "overflow" in [check["id"] for check in one.json["not_checked"]]
    quiet = client.diagnose("--for=1s")
    assert "overflow" in quiet.json["passed"]
    client.do(
        "import threading\n"
        "def churn():\n"
        "    for _ in range(200):\n"
        "        dial('10.0.0.2', 8080, 'client'); time.sleep(0.02)\n"
        "dialing = threading.Thread(target=churn); dialing.start()"
    )
    time.sleep(0.3)
    diagnosis = client.diagnose("--for=2s")
    client.do("dialing.join()")
    found = diagnosis.one("overflow")
    assert 0 < found["evidence"]["connections"] <= client.counters()["TCPTimeWaitOverflow"] - lost
    assert found["evidence"]["limit"] == 10
    assert found["explains"] == ["buckets_near_limit"]
