"""Service ports: whether something listens where the service did, what holds them, and what bind()
then says."""

import errno
import time

PORT = 40500
RANGE = {"ip_local_port_range": "40000 40999"}
TRY_BIND = """
trial = stream(address)
trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(reuse))
if device: trial.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, device.encode())
try:
    trial.bind((address, port)); trial.listen()
    result = 0
except OSError as error:
    result = error.errno
trial.close()
"""


def bind_errno(host, address="0.0.0.0", reuse=True, device=None, port=PORT):
    return host.do(TRY_BIND, address=address, reuse=reuse, device=device, port=port)


def service(page, what, port=PORT, **labels):
    return page.get(f"timewait_service_port_{what}", port=port, **labels)


def test_a_listener_on_another_address_is_not_the_service(new_host, tmp_path):
    host = new_host(**RANGE)
    host.do("service = listen('0.0.0.0', port)", port=PORT)
    with host.exporter(tmp_path, f"--services.ports={PORT}") as exporter:
        assert service(exporter.fresh(), "listening") == 1
        host.do("service.close(); other = listen('127.0.0.1', port)", port=PORT)
        page = exporter.fresh()
        assert service(page, "listening") == 0
        assert service(page, "held_sockets", holder="other") == 1
        assert service(page, "held_sockets", holder="own") == 0
        for binder, reuse in [("plain", False), ("reuse_address", True)]:
            assert bind_errno(host, reuse=reuse) == errno.EADDRINUSE
            assert service(page, "bindable", binder=binder) == 0
        assert service(page, "free_timestamp_seconds") == float("inf")
        assert page.get("timewait_service_port_info", port=PORT, origin="configured") == 1
        host.do("other.close(); service = listen('0.0.0.0', port)", port=PORT)
        assert service(exporter.fresh(), "listening") == 1


def test_a_service_that_listened_between_two_readings_is_known(new_host, tmp_path):
    host = new_host(**RANGE)
    with host.exporter(tmp_path, f"--services.ports={PORT}", interval="12s") as exporter:
        host.do(
            "service = listen('127.0.0.1', port)\n"
            "time.sleep(2.5)\n"
            "for number in range(30):\n"
            "    client = connect('127.0.0.1', port); close(service.accept()[0], client)\n"
            "time.sleep(1.5)\n"
            "service.close()",
            port=PORT,
        )
        page = exporter.fresh(40)
        assert page.get("timewait_sockets", role="server", peer="local") == 30
        assert page.sum("timewait_sockets", role="other") == 0
        assert service(page, "held_sockets", holder="own") == 30


def test_a_bound_socket_that_takes_the_port_of_a_service_that_went_is_seen_soon(new_host, tmp_path):
    host = new_host(ip_local_reserved_ports=PORT, **RANGE)
    # Enough sockets for the table of bound ports to be read only once in a long while.
    host.do(
        "listener = listen('127.0.0.1', 9000)\n"
        "for number in range(900):\n"
        "    client = connect('127.0.0.1', 9000); close(client, listener.accept()[0])"
    )
    host.do("service = listen('0.0.0.0', port)", port=PORT)
    with host.exporter(tmp_path, f"--services.ports={PORT}") as exporter:
        exporter.fresh()
        host.do(
            "service.close()\nsquatter = stream('0.0.0.0'); squatter.bind(('127.0.0.1', port))",
            port=PORT,
        )
        start = time.monotonic()
        while service(page := exporter.fresh(), "held_sockets", holder="other") != 1:
            assert time.monotonic() - start < 15, page.text
        assert bind_errno(host) == errno.EADDRINUSE
        assert service(page, "bindable", binder="reuse_address") == 0


def test_an_orphan_is_bounded_by_its_timer(new_host, tmp_path):
    host = new_host(tcp_fin_timeout=20, **RANGE)
    host.do("service = listen('0.0.0.0', port)", port=PORT)
    with host.exporter(tmp_path, f"--services.ports={PORT}") as exporter:
        exporter.fresh()
        host.do(
            "client = connect('127.0.0.1', port); server = service.accept()[0]\n"
            "service.close(); server.shutdown(socket.SHUT_WR)\n"
            "assert client.recv(1) == b''; time.sleep(0.2); server.close()",
            port=PORT,
        )
        page = exporter.fresh()
        free = service(page, "free_timestamp_seconds")
        # 20 s, up to 60 more if the client closes, and what timers round up.
        assert time.time() + 60 < free < time.time() + 90
        while bind_errno(host, reuse=False):
            assert time.time() < free
            time.sleep(0.5)


def test_a_port_is_free_on_one_interface_while_another_has_it(new_host, tmp_path):
    host = new_host(**RANGE)
    host.ip("link add one type veth peer name two")
    for link in ("one", "two"):
        host.ip(f"link set {link} up")
    host.do("service = listen('0.0.0.0', port, device='one')", port=PORT)
    with host.exporter(tmp_path, f"--services.ports={PORT}") as exporter:
        exporter.fresh()
        for device, expected in [("two", 1), ("one", 0), (None, 0)]:
            host.do("service.close(); other = listen('0.0.0.0', port, device=device)", port=PORT, device=device)
            page = exporter.fresh()
            assert (bind_errno(host, device="one") == 0) == bool(expected)
            if service(page, "listening") == 0:
                assert service(page, "bindable", binder="plain") == expected
            else:
                # One on every interface takes what the service took.
                assert device in ("one", None)
            host.do("other.close(); service = listen('0.0.0.0', port, device='one')", port=PORT)
            assert service(exporter.fresh(), "listening") == 1


def test_held_service_ports_come_first(new_host, tmp_path):
    host = new_host()
    host.do("listener = listen('127.0.0.1', 9000); service = listen('0.0.0.0', 30002)")
    host.do("client = connect('127.0.0.1', 9000, source_port=31234); server = listener.accept()[0]")
    with host.exporter(tmp_path, "--services.ports=30000-32767") as exporter:
        page = exporter.fresh()
        shown = sorted(int(labels["port"]) for labels, _ in page.all("timewait_service_port_listening"))
        assert shown == [30000, 30001, *range(30003, 30100), 31234]
        assert service(page, "held_sockets", 31234, holder="other") == 1
        assert page.get("timewait_omitted_service_ports") == 2768 - 100


def test_left_overs_and_a_squatter_on_one_port_use_no_usable_one(new_host, tmp_path):
    host = new_host(ip_local_port_range="40000 40009", ip_local_reserved_ports="")
    host.do("listener = listen('127.0.0.1', 9000); service = listen('127.0.0.1', 40004)")
    with host.exporter(tmp_path, "--services.ports=40004") as exporter:
        exporter.fresh()
        # What the service accepted stays; then a client binds the port by number.
        host.do(
            "left = connect('127.0.0.1', 40004, source_port=50000), service.accept()[0]\n"
            "service.close()\n"
            "squatter = connect('127.0.0.1', 9000, source='127.0.0.2', source_port=40004, reuse=True), listener.accept()[0]"
        )
        page = exporter.fresh()
        assert service(page, "held_sockets", 40004, holder="own") == 1
        assert service(page, "held_sockets", 40004, holder="other") == 1
        assert page.get("timewait_ephemeral_ports_usable") == 9
        squatted = page.all("timewait_destination_ports_used", source_address="127.0.0.2")
        assert sum(value for _, value in squatted) == 0


def test_a_port_that_came_back_is_recurring_and_learnt(new_host, tmp_path):
    host = new_host(**RANGE)
    host.do(
        "listener = listen('0.0.0.0', 9000); random = listen('0.0.0.0', 0); service = listen('0.0.0.0', port)", port=PORT
    )
    chosen = host.do("result = random.getsockname()[1]")
    with host.exporter(tmp_path) as exporter:
        page = exporter.fresh()
        assert page.get("timewait_port_recurring", port=PORT) == 0
        # Gone for less than a second: only its socket is another one.
        host.do("service.close(); service = listen('0.0.0.0', port)", port=PORT)
        page = exporter.fresh()
        assert page.get("timewait_port_recurring", port=PORT) == 1
        assert page.get("timewait_port_recurring", port=chosen) == 0
        host.do(
            "service.close(); random.close()\n"
            "clients = [connect('127.0.0.1', 9000, source_port=number) for number in (port, chosen)]",
            port=PORT,
            chosen=chosen,
        )
        page = exporter.fresh()
        assert page.get("timewait_service_port_info", port=PORT, origin="learnt") == 1
        assert service(page, "held_sockets", holder="other") == 1
        assert page.all("timewait_service_port_info", port=chosen) == []


def test_a_udp_service_port(new_host, tmp_path):
    host = new_host(**RANGE)
    host.do(
        "def datagram(address, port, peer=None, reuse=False):\n"
        "    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(reuse))\n"
        "    made.bind((address, port))\n"
        "    if peer: made.connect(peer)\n"
        "    return made\n"
        "service = datagram('127.0.0.1', 51820, reuse=True)\n"
        "own = datagram('127.0.0.1', 51820, ('127.0.0.1', 9), reuse=True)"
    )

    def udp(page, what, **labels):
        return page.get(f"timewait_udp_service_port_{what}", port=51820, **labels)

    with host.exporter(tmp_path, "--services.ports=51820/udp,8080") as exporter:
        page = exporter.fresh()
        assert udp(page, "listening") == 1
        assert udp(page, "held_sockets", holder="other") == 0
        assert page.get("timewait_service_port_listening", port=8080) == 0
        assert page.get("timewait_service_port_listening", port=51820) is None
        host.do("service.close()")
        page = exporter.fresh()
        assert udp(page, "listening") == 0
        assert udp(page, "held_sockets", holder="own") == 1
        bind = "try: datagram('127.0.0.1', 51820, reuse=reuse).close()\nexcept OSError as error: result = error.errno"
        for binder, reuse, expected in [("plain", False, 0), ("reuse_address", True, 1)]:
            assert udp(page, "bindable", binder=binder) == expected
            assert (host.do(bind, reuse=reuse) is None) == bool(expected)
        host.do("own.close(); squatter = datagram('127.0.0.2', 51820); taker = datagram('0.0.0.0', 0)")
        page = exporter.fresh()
        # Elsewhere: it is neither the service, nor in its way.
        assert udp(page, "listening") == 0
        assert udp(page, "held_sockets", holder="other") == 1
        assert udp(page, "bindable", binder="plain") == 1
        assert host.do(bind, reuse=False) is None
        host.do("taker = datagram('127.0.0.1', 51820, ('127.0.0.1', 9))")
        page = exporter.fresh()
        for binder, reuse in [("plain", False), ("reuse_address", True)]:
            assert udp(page, "bindable", binder=binder) == 0
            assert host.do(bind, reuse=reuse) == errno.EADDRINUSE
        host.do("taker.close(); service = datagram('0.0.0.0', 0); squatter.close(); service = datagram('0.0.0.0', 51820)")
        assert udp(exporter.fresh(), "listening") == 1
