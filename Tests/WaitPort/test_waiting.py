"""`timewait_exporter wait-port` returns when a real bind() succeeds: within a second, 50 times of
50, and never before."""

import re

import pytest

from waiting import Service

COUNT = 50
FIRST = 40000

# A service that stopped and left a TIME_WAIT on its port: it closed first.
LEAVE_TIME_WAIT = """
def leave(port, address="127.0.0.1", listening=None, reuse=False):
    service = listen(listening or address, port, reuse=reuse)
    client = connect(address, port)
    accepted = service.accept()[0]
    service.close()
    close(accepted, client)
"""
# An outgoing connection that has a service's port, and the other end of it.
SQUAT = """
squatters = {}
def squat(port, address="127.0.0.1"):
    if "target" not in globals():
        globals()["target"] = listen("::", 9000)
    client = connect(address, 9000, source_port=port)
    squatters[port] = client, target.accept()[0]
def leave_by(port, who):
    client, peer = squatters.pop(port)
    close(*((client, peer) if who == "client" else (peer, client)))
"""


# Dozens of programs that end at the same moment would measure the machine: what they wait for ends
# one after the other, 0.1 s apart. The kernel ends TIME_WAITs in steps of up to 4 s.
def ports(first=0, count=COUNT):
    return range(FIRST + first, FIRST + first + count)


def test_own_time_waits_without_reuse_address_hold_the_port_for_a_minute(host):
    """Beside 50 of IPv4: some of IPv6, of a dual-stack service, over procfs, and squatters that end
    in TIME_WAIT after 5 s."""
    plain, six, dual, procfs = ports(), ports(100, 5), ports(200, 5), ports(300, 5)
    squatted, other = ports(400, 5), ports(500, 5)
    host.do(LEAVE_TIME_WAIT + SQUAT)
    host.do("for port in ports: leave(port); time.sleep(0.25)", ports=[*plain, *procfs])
    host.do("for port in ports: leave(port, '::1')", ports=[*six])
    host.do("for port in ports: leave(port, '127.0.0.1', '::')", ports=[*dual])
    # With the flag in both the TIME_WAITs of the service do not matter, but those of others do.
    host.do("for port in ports: squat(port)", ports=[*squatted, *other])
    services = [
        *[Service(port) for port in plain],
        *[Service(port, "::1") for port in six],
        *[Service(port, "0.0.0.0") for port in dual],
        *[Service(port, "127.0.0.1", flags=("--sampler.source=procfs",)) for port in procfs],
        *[Service(port, flags=("--timeout=80s",)) for port in squatted],
        *[Service(port, "127.0.0.1", reuse=True, flags=("--timeout=80s",)) for port in other],
    ]
    leave = f"for port in {[*squatted, *other]}: leave_by(port, 'client')"
    race = host.race(services, [(5, leave)])
    race.check()
    text = next(one.text for one in race.ended if one.service.port == FIRST)
    lines = text.splitlines()
    assert lines[0].startswith(
        f"timewait_exporter: port {FIRST} is taken: 1 TIME_WAIT of connections accepted on it, the last gone in "
    )
    free = re.fullmatch(rf"timewait_exporter: port {FIRST} is free after (\d+)\.\d s", lines[-1])
    assert free, text
    # One at once, one each 10 s, one at the end.
    assert abs(len(lines) - 2 - int(free[1]) // 10) <= 1, text


def test_own_time_waits_do_not_hold_the_port_where_both_set_reuse_address(host):
    host.do(LEAVE_TIME_WAIT)
    host.do("for port in ports: leave(port, reuse=True)", ports=[*ports()])
    services = [Service(port, reuse=True) for port in ports()]
    assert len(host.time_waits()) == COUNT
    race = host.race(services)
    race.check(waited=False)
    assert all(one.text == "" for one in race.ended)


def test_a_squatter_that_leaves_after_5_s_frees_the_port(host):
    host.do(SQUAT)
    host.do("for port in ports: squat(port)", ports=[*ports()])
    services = [Service(port, reuse=port % 2 == 0) for port in ports()]
    # Its other end closes first, and has the TIME_WAIT.
    race = host.race(services, [(5, f"for port in {[*ports()]}: leave_by(port, 'peer'); time.sleep(0.1)")])
    race.check()
    for one in race.ended:
        ends = rf"127\.0\.0\.1:{one.service.port} -> 127\.0\.0\.1:9000"
        assert re.search(rf"{ends} ESTABLISHED of python3? \(pid {host.process.pid}\b", one.text), one.text


def test_a_listener_elsewhere_frees_the_port_when_it_is_closed(host):
    """On another address, it holds the port against every address; on every address, against
    each."""
    host.do("listeners = {}\nfor port in ports: listeners[port] = listen('127.0.0.2', port)", ports=[*ports(0, 25)])
    host.do("for port in ports: listeners[port] = listen('0.0.0.0', port)", ports=[*ports(25, 25)])
    services = [
        *[Service(port, "0.0.0.0", reuse=port % 2 == 0) for port in ports(0, 25)],
        *[Service(port, "127.0.0.1", reuse=port % 2 == 0) for port in ports(25, 25)],
    ]
    race = host.race(services, [(5, "for listener in listeners.values(): listener.close(); time.sleep(0.1)")])
    race.check()


def test_a_listener_on_another_address_is_not_in_the_way(host):
    host.do("listener = listen('127.0.0.2', port)", port=FIRST)
    host.race([Service(FIRST, "127.0.0.1")]).check(waited=False)


def test_a_port_is_not_free_between_the_closing_of_a_listener_and_that_of_its_connections(host):
    host.do(
        "listener = listen('0.0.0.0', port)\n"
        "pairs = [(connect('127.0.0.1', port), listener.accept()[0]) for _ in range(20)]",
        port=FIRST,
    )
    # The clients close first, so that no TIME_WAIT has the port.
    race = host.race(
        [Service(FIRST)],
        [(2, "listener.close()"), (4, "for client, accepted in pairs: close(client, accepted)")],
    )
    race.check()


def test_a_socket_that_is_only_bound_holds_the_port_until_it_is_closed(host):
    if not tells_bound_sockets():
        pytest.skip("this kernel does not list sockets that are only bound (Linux 6.8)")
    # Fewer than above: the kernel walks all bound ports to find them.
    host.do(
        "bound = [stream('0.0.0.0') for _ in ports]\nfor one, port in zip(bound, ports): one.bind(('', port))",
        ports=[*ports(0, 10)],
    )
    race = host.race([Service(port) for port in ports(0, 10)], [(5, "for one in bound: one.close(); time.sleep(0.1)")])
    race.check()
    assert f"0.0.0.0:{FIRST} bound, not connected of python" in next(o.text for o in race.ended if o.service.port == FIRST)


def tells_bound_sockets():
    major, minor = open("/proc/sys/kernel/osrelease").read().split(".")[:2]
    return (int(major), int(minor.split("-")[0])) >= (6, 8)


def test_an_address_that_the_host_does_not_have_yet_is_waited_for(host):
    race = host.race([Service(FIRST, "10.9.9.9")], [(2, "run(['ip', 'address', 'add', '10.9.9.9/32', 'dev', 'lo'])")])
    race.check()
    assert "this host does not have the address 10.9.9.9, so bind() fails with EADDRNOTAVAIL" in race.ended[0].text
