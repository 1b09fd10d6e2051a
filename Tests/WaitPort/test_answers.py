"""What `timewait_exporter wait-port` answers: by its status for every kind of holder and address,
as bind() does, and in words."""

import errno
import pathlib
import re
import subprocess

import pytest

from exporter import BINARY
from test_waiting import LEAVE_TIME_WAIT, SQUAT, tells_bound_sockets
from waiting import Service

PORT = 40000
ADDRESSES = ["0.0.0.0", "127.0.0.1", "127.0.0.2", "::", "::1"]

# Each makes a holder of a port, as text for a host, at an address of IPv4 or IPv6.
HOLDERS = {
    "nothing": "pass",
    "listener": "held = listen(address, port, reuse=reuse)",
    "listener of IPv6 only": "held = listen(address, port, reuse=reuse, v6only=True)",
    "only bound": (
        "held = stream(address); held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(reuse))\n"
        "held.bind((address, port))"
    ),
    "outgoing connection": "held = connect(address, 9000, source_port=port, reuse=reuse), target.accept()[0]",
    "outgoing connection in TIME_WAIT": "close(connect(address, 9000, source_port=port, reuse=reuse), target.accept()[0])",
    "accepted connection": (
        "service = listen(address, port, reuse=reuse); held = connect(address, port), service.accept()[0]\nservice.close()"
    ),
    "accepted connection in TIME_WAIT": "leave(port, address, reuse=reuse)",
}


def holders():
    """Holders at addresses, with and without SO_REUSEADDR, as far as the pair exists."""
    for name in HOLDERS:
        for address in ADDRESSES if "listener" in name or name == "only bound" else ["127.0.0.1", "::1"]:
            if "IPv6 only" in name and ":" not in address:
                continue
            for reuse in (False, True):
                yield name, address, reuse


def askers(port):
    """Services that want a port, on each address and with each flag."""
    for address in ADDRESSES:
        for reuse in (False, True):
            yield Service(port, address, reuse)
    yield Service(port, "::", v6only=True)


def is_hidden(name, holder_reuses, service):
    """Whether no table tells what bind() depends on.

    A socket that is gone took its flag with it: a TIME_WAIT of an accepted connection counts as one
    of a service with SO_REUSEADDR, one of an outgoing connection as without."""
    if name == "outgoing connection in TIME_WAIT":
        return service.reuse and holder_reuses
    if name == "accepted connection in TIME_WAIT":
        return service.reuse and not holder_reuses
    return False


def is_hidden_ipv6_only(name, address, service):
    """A connection whose end was bound to an address of IPv6 is IPv6 only, which no table tells: it
    counts as in the way of IPv4."""
    return service.address == "0.0.0.0" and address == "::1" and "connection" in name


def test_it_agrees_with_bind_for_every_holder_address_and_flag(host):
    host.do(LEAVE_TIME_WAIT + SQUAT + "target = listen('::', 9000)")
    port = PORT
    disagreements = []
    compared = 0
    for name, address, holder_reuses in holders():
        if name == "only bound" and not tells_bound_sockets():
            continue
        port += 1
        host.do(HOLDERS[name], address=address, port=port, reuse=holder_reuses)
        services = [service for service in askers(port) if not is_hidden(name, holder_reuses, service)]
        before = [host.bind_errno(service) for service in services]
        said = host.wait_port_at_once(services)
        truth = [host.bind_errno(service) for service in services]
        assert before == truth and set(truth) <= {0, errno.EADDRINUSE}
        compared += len(services)
        for service, number, (status, text) in zip(services, truth, said):
            if is_hidden_ipv6_only(name, address, service):
                assert status == 1 or number == 0
            elif status != (1 if number else 0):
                disagreements.append((name, address, holder_reuses, service, number, text))
        host.do("held = None")
    print(f"{compared} answers compared with bind()")
    assert not disagreements, "\n".join(map(str, disagreements))


def test_after_the_timeout_it_ends_with_1_and_one_line_with_the_holder_and_the_cure(host):
    host.do(SQUAT)
    host.do("squat(port)", port=50001)
    said = host.wait_port("50001", "--timeout=1500ms")
    assert said.returncode == 1 and said.stdout == ""
    first, last = said.stderr.splitlines()
    owner = rf"python3? \(pid {host.process.pid}[^;]*"
    holder = rf"127\.0\.0\.1:50001 -> 127\.0\.0\.1:9000 ESTABLISHED of {owner}, until it is closed; "
    assert re.fullmatch(rf"timewait_exporter: port 50001 is taken: {holder}waiting [12] s more at most", first)
    assert re.match(rf"timewait_exporter: port 50001 is still taken after 2 s: {holder}", last)
    assert "stop the holder: sudo " in last
    assert last.endswith("reserve the port: timewait_exporter reserve --ports=50001")


def test_the_cure_of_a_port_that_own_connections_hold_is_reuse_address_and_not_to_reserve_it(host):
    host.do(LEAVE_TIME_WAIT)
    host.do("leave(port)", port=50001)
    said = host.wait_port("50001", "--timeout=0s")
    assert said.returncode == 1
    assert said.stderr.startswith("timewait_exporter: port 50001 is taken: 1 TIME_WAIT of connections accepted on it, ")
    assert said.stderr.count("\n") == 1
    assert "let the service set SO_REUSEADDR before bind(), and say so by --reuse-address" in said.stderr
    assert "reserve" not in said.stderr


def test_reserved_ports_can_be_bound_and_a_reserved_port_is_not_to_be_reserved(new_host):
    host = new_host(ip_local_reserved_ports="50001-50002")
    assert host.wait_port("50001", "--timeout=0s").returncode == 0
    assert host.bind_errno(Service(50001)) == 0
    host.do(SQUAT)
    host.do("squat(port)", port=50002)
    said = host.wait_port("50002", "--timeout=0s")
    assert said.returncode == 1 and "reserve" not in said.stderr


def test_it_says_who_holds_the_port_as_far_as_the_caller_may_know(host):
    host.do("listener = listen('0.0.0.0', port)", port=PORT)
    # Without the right to look into the descriptors of others.
    said = host.wait_port(f"{PORT}", "--timeout=0s", wrapper=["setpriv", "--reuid=65534", "--clear-groups", "--regid=65534"])
    if said.returncode == 126 or "setpriv" in said.stderr:
        pytest.skip(f"cannot become another user here: {said.stderr}")
    assert said.returncode == 1
    assert "0.0.0.0:40000 LISTEN of a process of user root (uid 0), until it is closed" in said.stderr
    assert "find the holder: sudo ss -tanp 'sport = :40000'" in said.stderr


def test_a_privileged_port_needs_a_capability_and_it_says_so_where_it_has_none(host):
    said = host.wait_port("80", wrapper=["setpriv", "--bounding-set=-net_bind_service"])
    assert said.returncode == 0
    assert said.stderr == (
        "timewait_exporter: port 80 is below net.ipv4.ip_unprivileged_port_start (1024): bind() fails with EACCES unless "
        "the service has CAP_NET_BIND_SERVICE, which this process does not have\n"
    )
    assert host.wait_port("80").stderr == ""
    host.sysctls({"ip_unprivileged_port_start": 80})
    assert host.wait_port("80", wrapper=["setpriv", "--bounding-set=-net_bind_service"]).stderr == ""


def test_release_ends_time_waits_with_both_ends_on_this_host(host):
    host.do(LEAVE_TIME_WAIT)
    host.do("for port in range(40000, 40005): leave(port)\nleave(40006, '::1')\nleave(40007, '127.0.0.1', '::')")
    for service in [Service(PORT), Service(40006, "::1"), Service(40007, "0.0.0.0")]:
        assert host.bind_errno(service) == errno.EADDRINUSE
        said = host.wait_port(*service.arguments, "--release", "--timeout=20s")
        assert said.returncode == 0
        assert "timewait_exporter: --release: ended 1 TIME_WAIT within this host\n" in said.stderr
        assert host.bind_errno(service) == 0
    # Those of other ports are left alone.
    left = {local for local, _ in host.time_waits()}
    assert left == {f"127.0.0.1:{port}" for port in range(40001, 40005)}


def test_release_leaves_a_time_wait_towards_another_host_alone_and_says_why(new_host):
    host, other = new_host(), new_host()
    host.connect_with(other, "10.1.0.1/24", "10.1.0.2/24")
    host.do("service = listen('0.0.0.0', port, reuse=False)", port=PORT)
    other.do("client = connect('10.1.0.1', port)", port=PORT)
    host.do("accepted = service.accept()[0]; service.close(); accepted.shutdown(socket.SHUT_WR)")
    other.do("assert client.recv(1) == b''; client.close()")
    host.do("assert accepted.recv(1) == b''; accepted.close()")
    before = host.time_waits()
    assert [local for local, _ in before] == [f"10.1.0.1:{PORT}"]
    said = host.wait_port(f"{PORT}", "--release", "--timeout=2s")
    assert said.returncode == 1
    assert host.time_waits() == before
    assert (
        f"timewait_exporter: --release: left 1 TIME_WAIT alone whose other end is not on this host, such as {before[0][1]}: "
        "without it, late segments from there could reach a new connection\n"
    ) in said.stderr


def test_release_without_the_capability_says_so_and_waits(host):
    host.do(LEAVE_TIME_WAIT)
    host.do("leave(port)", port=PORT)
    before = host.time_waits()
    said = host.wait_port(f"{PORT}", "--release", "--timeout=2s", wrapper=["setpriv", "--bounding-set=-net_admin"])
    assert said.returncode == 1
    assert host.time_waits() == before and len(before) == 1
    assert "--release: no TIME_WAIT was ended: the kernel does not permit it; it takes CAP_NET_ADMIN" in said.stderr


@pytest.mark.parametrize(
    "arguments, right",
    [
        ([], "Missing expected argument '<port[,address]>'"),
        (["-1"], "Missing expected argument '<port[,address]>'; '-1' is read as an option, not as a number"),
        (["http"], "'http' is not a port, 1 to 65535; expected a port and the address"),
        (["0"], "port 0 is out of range: ports are 1 to 65535"),
        (["65536"], "'65536' is not a port, 1 to 65535"),
        (["8080,"], "'' is not an address of IPv4 or IPv6; expected a port and the address"),
        (["8080,localhost"], "'localhost' is not an address of IPv4 or IPv6"),
        (["8080,127.1"], "'127.1' is not an address of IPv4 or IPv6"),
        (["8080,fe80::1%nowhere"], "'fe80::1%nowhere' is not an address of IPv4 or IPv6"),
        (["8080-8090"], "'8080-8090' is not a port, 1 to 65535"),
        (["53/udp"], "UDP has no TIME_WAIT, and only TCP ports are waited for"),
        (["8080", "--timeout=70"], "expected a duration from 0s to 1h, such as 70s or 5m"),
        (["8080", "--timeout=1h1m"], "out of bounds, expected a duration from 0s to 1h"),
        (["8080", "--timeout=2h"], "expected a duration from 0s to 1h"),
        (["8080", "--timeout=61m"], "out of bounds, expected a duration from 0s to 1h"),
        (["8080,127.0.0.1", "--ipv6-only"], "'--ipv6-only' is for an IPv6 address, and '127.0.0.1' is one of IPv4"),
        (["8080", "--release", "--sampler.source=procfs"], "'--release' takes sock_diag"),
        (["8080", "8081"], "Unexpected argument '8081'"),
    ],
)
def test_bad_input_gets_one_line_that_says_what_would_be_right(host, arguments, right):
    said = host.wait_port(*arguments)
    assert said.returncode == 64 and said.stdout == ""
    assert said.stderr.startswith("timewait_exporter: ") and said.stderr.count("\n") == 1
    assert right in said.stderr
    assert said.stderr.endswith("(wait-port --help lists its flags)\n")


def test_it_reads_a_procfs_where_sock_diag_is_refused_and_ends_with_1_where_nothing_can_be_read(host, tmp_path):
    host.do("listener = listen('127.0.0.1', port)", port=PORT)
    assert host.wait_port(f"{PORT},127.0.0.1", "--timeout=0s", "--sampler.source=procfs").returncode == 1
    assert host.wait_port(f"{PORT},127.0.0.2", "--timeout=0s", "--sampler.source=procfs").returncode == 0
    pathlib.Path(tmp_path, "empty").mkdir()
    said = host.wait_port(f"{PORT}", f"--path.procfs={tmp_path}/empty")
    assert said.returncode == 1 and said.stderr.count("\n") == 1


@pytest.mark.parametrize("field, text", [(3, "FF"), (7, "-1"), (9, "x")], ids=["state", "user", "inode"])
def test_a_port_is_not_free_where_a_row_of_the_table_does_not_parse(host, tmp_path, field, text):
    """Even where the row shows another port: that may be wrong as well."""
    header = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
    good = (
        "   0: 0100007F:2328 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1234567 1 0 100 0 0 10 0"
    )
    fields = good.split(" ")
    places = [place for place, word in enumerate(fields) if word]
    fields[places[field]] = text
    bad = " ".join(fields)
    net = tmp_path / "procfs" / "thread-self" / "net"
    net.mkdir(parents=True)
    sysctls = tmp_path / "procfs" / "sys" / "net" / "ipv4"
    sysctls.mkdir(parents=True)
    (sysctls / "ip_local_port_range").write_text("9000\t60999\n")
    (sysctls / "ip_local_reserved_ports").write_text("\n")
    table = net / "tcp"
    table.write_text("".join(f"{line:<149}\n" for line in (header, good)))
    assert host.wait_port(f"{PORT}", "--timeout=0s", f"--path.procfs={tmp_path}/procfs").returncode == 0
    table.write_text("".join(f"{line:<149}\n" for line in (header, good, bad)))
    said = host.wait_port(f"{PORT}", "--timeout=0s", f"--path.procfs={tmp_path}/procfs")
    assert said.returncode == 1
    assert said.stderr == (f"timewait_exporter: {table}: rows that did not parse: 1; one may hold port {PORT}\n")
    # Its user and its inode are not read for `reserve`.
    if field == 3:
        command = [BINARY, "reserve", f"--path.procfs={tmp_path}/procfs"]
        reserved = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert reserved.returncode == 0 and "9000" in reserved.stdout
        assert "timewait_exporter: socket_table: 1 rows did not parse and were left out\n" in reserved.stderr
