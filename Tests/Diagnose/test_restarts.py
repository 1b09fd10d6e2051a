"""restart_would_fail against the truth: services of known options are stopped and started again,
and bind() says."""

import pytest

from exporter import poll

V4, V6, LOCAL, OTHER, LOCAL6 = "0.0.0.0", "::", "127.0.0.1", "127.0.0.2", "::1"
# Each service: where its listeners are and which options of SO_REUSE* they set, whether they are
# IPv6 only, and the interface they are bound to; what is dialed; who closes first. Whether it can
# be started again is not written here: it is tried.
SERVICES = [
    ([(V4, "plain")], [LOCAL], "service"),
    ([(V4, "plain")], [LOCAL], "client"),
    ([(V4, "plain")], [], "service"),
    ([(V4, "address")], [LOCAL], "service"),
    ([(V4, "port")], [LOCAL], "service"),
    ([(V4, "both")], [LOCAL, OTHER], "service"),
    ([(LOCAL, "plain")], [LOCAL], "service"),
    ([(LOCAL, "plain"), (OTHER, "address")], [OTHER], "service"),
    ([(LOCAL, "plain"), (OTHER, "address")], [LOCAL], "service"),
    ([(LOCAL, "address"), (OTHER, "plain")], [LOCAL], "service"),
    ([(LOCAL6, "plain")], [LOCAL6], "service"),
    ([(V6, "plain")], [LOCAL], "service"),
    ([(V6, "plain")], [LOCAL6], "service"),
    ([(V6, "address")], [LOCAL, LOCAL6], "service"),
    ([(V6, "plain only")], [LOCAL6], "service"),
    ([(V4, "plain"), (V6, "address only")], [LOCAL6], "service"),
    ([(V4, "plain"), (V6, "address only")], [LOCAL], "service"),
    ([(V4, "address"), (V6, "plain only")], [LOCAL], "service"),
    ([(LOCAL, "plain"), (LOCAL6, "address")], [LOCAL6], "service"),
    # The kernel keeps 0.0.0.0 away from every IPv6 socket that is not IPv6 only, whatever its
    # address.
    ([(V4, "plain"), (LOCAL6, "address")], [LOCAL6], "service"),
    ([(V4, "address"), (LOCAL6, "plain")], [LOCAL6], "service"),
    ([(V4, "address"), (LOCAL6, "address")], [LOCAL6], "service"),
    ([(LOCAL, "port"), (LOCAL, "port"), (LOCAL, "port")], [LOCAL], "service"),
    ([(V4, "port"), (V4, "both")], [LOCAL], "service"),
    ([(V4, "port"), (LOCAL, "both")], [LOCAL, OTHER], "service"),
    ([(V4, "port"), (V6, "both")], [LOCAL, LOCAL6], "service"),
    ([(V4, "plain lo")], [LOCAL], "service"),
    ([(V4, "address lo")], [LOCAL], "service"),
    ([(V4, "plain lo"), (V4, "plain veth0")], [LOCAL], "service"),
    ([(V4, "address lo"), (V4, "plain veth0")], [LOCAL], "service"),
]
START = """
for address, way in listeners:
    words = way.split()
    one = stream(address)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(words[0] in ("address", "both")))
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(words[0] in ("port", "both")))
    if ":" in address:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int("only" in words))
    if words[-1] in ("lo", "veth0"):
        one.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, words[-1].encode())
    one.bind((address, port))
    one.listen(64)
    kept[len(kept)] = serve(one)
"""
ECHO = """
import threading
echoed, failures, asked = 0, [], threading.Event()
def keep_talking():
    global echoed
    number = 0
    while not asked.is_set():
        for one in connections:
            number += 1
            try:
                one.sendall(b"%d" % number)
                answer = one.recv(100)
            except OSError as error:
                answer = error
            if answer == b"%d" % number:
                echoed += 1
            else:
                failures.append(repr(answer))
talker = threading.Thread(target=keep_talking, daemon=True)
talker.start()
"""


def start(service, port, listeners):
    service.do(START, port=port, listeners=listeners)


def address_to_dial(listeners, dialed):
    """An address at which some listener takes a connection."""
    first = listeners[0][0]
    return dialed[0] if dialed else {V4: LOCAL, V6: LOCAL}.get(first, first)


@pytest.fixture
def services(new_machine):
    """The services by their ports, with their TIME_WAITs made."""
    machine, other = new_machine(), new_machine()
    machine.connect_with(other, "10.0.0.1/24", "10.0.0.2/24")
    services = {}
    for number, (listeners, dialed, closer) in enumerate(SERVICES):
        port = 8100 + number
        services[port] = machine.program(f"service{number}")
        start(services[port], port, listeners)
        for address in dialed:
            machine.do("dial(address, port, closer, 3)", address=address, port=port, closer=closer)
    return machine, services


def test_restart_would_fail_is_what_a_restart_does(services):
    machine, services = services
    found = {int(finding["key"]): finding for finding in machine.diagnose().all("restart_would_fail")}
    truth = {}
    for port, (listeners, _, _) in zip(services, SERVICES):
        services[port].end()
        again = machine.program("again")
        try:
            start(again, port, listeners)
            truth[port] = True
        except AssertionError as error:
            assert "Address already in use" in str(error)
            truth[port] = False
        again.end()
    wrong = {
        port: (SERVICES[port - 8100], "starts" if truth[port] else "fails")
        for port in services
        if truth[port] == (port in found)
    }
    assert not wrong
    assert 10 <= sum(truth.values()) <= len(truth) - 10
    for port, finding in found.items():
        evidence = finding["evidence"]
        assert evidence["port"] == port
        assert evidence["owner"]["pid"] == services[port].pid
        assert evidence["owner"]["process"] == f"service{port - 8100}"
        # Three connections were made to each address that was dialed.
        assert evidence["time_wait"] == 3


def test_the_services_are_undisturbed(services):
    machine, services = services
    ends = {port: address_to_dial(*SERVICES[port - 8100][:2]) for port in services}
    machine.do(
        "connections = [connect(address, port) for address, port in ends]\n" + ECHO, ends=[(a, p) for p, a in ends.items()]
    )
    poll("every service has echoed", lambda: machine.do("result = echoed") >= 2 * len(services), 20)
    before = {port: service.descriptors() for port, service in services.items()}
    ports_before = {port: len(machine.ss("state", "listening", f"sport = :{port}")) for port in services}
    for _ in range(3):
        machine.diagnose()
    assert {port: service.descriptors() for port, service in services.items()} == before
    assert {port: len(machine.ss("state", "listening", f"sport = :{port}")) for port in services} == ports_before
    echoed, failures = machine.do("asked.set(); talker.join(20); result = echoed, failures")
    assert not failures
    assert echoed > 2 * len(services)
    for port, address in ends.items():
        machine.do("dial(address, port, 'client')", address=address, port=port)
