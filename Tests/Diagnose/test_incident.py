"""The incident behind this program: 20 services, a naive prober on the same host, a service whose
port another program takes; and its end by the commands that are printed."""

import os
import pathlib
import stat
import subprocess

import pytest

from diagnosis import is_root_of_the_machine
from exporter import BINARY, poll

# Odd ports of the range are what bind() to port 0 gives too, so that nothing says that somebody
# chose them.
EXPOSED = [40401, 47003, 50051]
PAYMENTS, CLOSES_FIRST = 50051, 9090
PORTS = [*range(8080, 8096), CLOSES_FIRST, *EXPOSED]
REMOTE = "10.9.0.2"
PROBE = """
import threading
rounds = 0
def probe():
    global rounds
    while True:
        for port in ports:
            try:
                dial("127.0.0.1", port, "service" if port == closes_first else "client")
            except OSError:
                pass
        rounds += 1
        time.sleep(0.02)
threading.Thread(target=probe, daemon=True).start()
"""
# What stands in place of programs that a test must not call, or that are not everywhere.
SUDO = '#!/bin/sh\nexec "$@"\n'
SYSTEMCTL = '#!/bin/sh\n[ "$1" = start ] || kill "$UNIT_PID"\n'


@pytest.fixture
def shell(tmp_path):
    """Runs commands as a person does who copies them into a shell; /etc/sysctl.d is empty, and ours
    alone."""
    subprocess.run(["mount", "-t", "tmpfs", "none", "/etc/sysctl.d"], check=True)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in [("sudo", SUDO), ("systemctl", SYSTEMCTL)]:
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    (tools / "timewait_exporter").symlink_to(BINARY)
    home = tmp_path / "home"
    home.mkdir()

    def run(machine, lines, unit_pid):
        return subprocess.run(
            [*machine.inside, "sh", "-c", "\n".join(lines)],
            cwd=home,
            env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "UNIT_PID": str(unit_pid)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    yield run
    subprocess.run(["umount", "/etc/sysctl.d"], check=True)


def commands(output):
    """The commands of each finding, as the text has them: alone on their lines, from column 11."""
    found = {}
    for line in output.splitlines():
        words = line.split()
        if words and words[0] in ("CRITICAL", "WARNING", "NOTE"):
            lines = []
        elif len(words) == 3 and words[0] == "Runbook":
            found[words[2]], lines = lines, []
        elif line[:2] == "  " and line[10:].split(" ")[0] in ("sudo", "timewait_exporter", "ss") and line[9] == " ":
            lines.append(line[10:])
    return found


def count(time_waits, port=None):
    """How many TIME_WAITs ss has, of a service's port if one is asked for."""
    ends = [tuple(word.rsplit(":", 1)[1] for word in line.split()[2:4]) for line in time_waits]
    return len(ends) if port is None else sum(str(port) in pair for pair in ends)


def takes(program, port):
    """Whether a program is given the port for an outgoing connection, for which it does not set
    SO_REUSEADDR."""
    return program.do(
        "import errno\n"
        "try: taken, result = connect(address, 443, source_port=port), True\n"
        "except OSError as error:\n"
        "    if error.errno != errno.EADDRINUSE: raise",
        address=REMOTE,
        port=port,
    )


def test_the_incident_is_found_and_ends_by_the_commands_that_are_printed(new_machine, shell):
    machine, remote = new_machine(), new_machine()
    machine.connect_with(remote, "10.9.0.1/24", f"{REMOTE}/24")
    remote.do("service = serve(listen('0.0.0.0', 443))")
    services = {port: machine.program(f"service{port}") for port in [PAYMENTS, CLOSES_FIRST]}
    others = machine.program("services")
    for port in PORTS:
        services.get(port, others).do(
            "kept[port] = serve(listen('0.0.0.0', port, reuse=reuse))", port=port, reuse=port != CLOSES_FIRST
        )

    # At rest.
    quiet = machine.diagnose()
    assert (quiet.status, quiet.findings) == (0, [])

    # The prober dials all of them, over and over.
    prober = machine.program("health-probe")
    prober.do(PROBE, ports=PORTS, closes_first=CLOSES_FIRST)
    poll("it has dialed each of them 40 times", lambda: prober.do("result = rounds") >= 40, 60)
    before = machine.time_waits()
    probed = machine.diagnose()
    after = machine.time_waits()
    assert probed.status == 1
    found = probed.one("local_prober")
    evidence = found["evidence"]
    assert found["severity"] == "warning" and found["explains"] == ["many_per_listener"]
    assert evidence["dialed_ports"] == evidence["listening_ports"] == len(PORTS)
    assert count(before) <= evidence["time_wait_local"] <= evidence["time_wait"] <= count(after)
    assert evidence["closed_first_by_service"] == [CLOSES_FIRST]
    assert evidence["closed_first_by_client"] == len(PORTS) - 1
    assert evidence["likely"]["pid"] == prober.pid
    assert evidence["likely"]["process"] == "health-probe"
    # The one that closes first did not set SO_REUSEADDR.
    restart = probed.one("restart_would_fail")
    assert restart["key"] == str(CLOSES_FIRST)
    assert restart["evidence"]["owner"]["pid"] == services[CLOSES_FIRST].pid
    assert count(before, CLOSES_FIRST) <= restart["evidence"]["time_wait"] <= count(after, CLOSES_FIRST)
    assert probed.ids == {"local_prober", "restart_would_fail"}

    # While a service is down another program is given its port.
    services[PAYMENTS].do("kept[port].shutdown(socket.SHUT_RDWR); kept[port].close()", port=PAYMENTS)
    backup = machine.program("backup")
    poll("the last probe's connection is over", lambda: takes(backup, PAYMENTS))
    flags = [f"--services.ports={PAYMENTS},47003"]
    taken = machine.diagnose(*flags)
    assert taken.status == 2
    found = taken.one("service_port_taken")
    assert (found["severity"], found["key"]) == ("critical", str(PAYMENTS))
    assert found["evidence"]["bindable"] == {"plain": False, "reuse_address": False}
    (holder,) = found["evidence"]["holders"]
    assert holder["local"] == f"10.9.0.1:{PAYMENTS}"
    assert holder["remote"] == f"{REMOTE}:443"
    assert holder["state"] == "established"
    assert (holder["owner"]["process"], holder["owner"]["pid"]) == ("backup", backup.pid)
    # The ports that still have their services are as exposed as that one.
    assert taken.one("listener_exposed")["evidence"]["ports"] == [40401, 47003]

    # Its end. Each round runs what is printed, and does what the text says beside: the holder's
    # TIME_WAIT comes after it.
    ran = set()
    for _ in range(4):
        output = machine.output(*flags)
        if output.returncode == 0:
            break
        for check, lines in commands(output.stdout).items():
            if not lines:
                continue
            ended = shell(machine, lines, backup.pid)
            assert ended.returncode == 0, (check, lines, ended.stderr)
            ran.add(check)
            if check == "local_prober":
                # The prober asks for the LISTEN socket from now on, as that command does.
                assert ended.stdout.split()[0] == "LISTEN"
                prober.end()
                machine.forget_time_waits()
        try:
            services[PAYMENTS].do("kept[port] = serve(listen('0.0.0.0', port))", port=PAYMENTS)
        except AssertionError as error:
            # The holder is gone, and its TIME_WAIT is not.
            assert "Address already in use" in str(error)
    assert {"service_port_taken", "listener_exposed", "local_prober"} <= ran
    healthy = machine.diagnose(*flags)
    assert (healthy.status, healthy.findings) == (0, [])
    assert machine.ss("state", "listening", f"sport = :{PAYMENTS}")
    file = pathlib.Path("/etc/sysctl.d/60-reserved-ports.conf")
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    reserved = machine.do("result = pathlib.Path('/proc/sys/net/ipv4/ip_local_reserved_ports').read_text()")
    assert reserved.strip() == "40401,47003,50051"


def test_a_prober_that_closes_at_once_is_named_too(machine):
    machine.do("services = [serve(listen('127.0.0.1', port)) for port in range(8080, 8100)]")
    prober = machine.program("naive-probe")
    # Each connection lasts for less time than it takes to read a table of sockets.
    prober.do(
        "import threading\n"
        "rounds = 0\n"
        "def probe():\n"
        "    global rounds\n"
        "    while True:\n"
        "        for port in range(8080, 8100): connect('127.0.0.1', port).close()\n"
        "        rounds += 1\n"
        "        time.sleep(0.2)\n"
        "threading.Thread(target=probe, daemon=True).start()"
    )
    poll("it has dialed each", lambda: prober.do("result = rounds") >= 2)
    likely = machine.diagnose().one("local_prober")["evidence"]["likely"]
    assert (likely["pid"], likely["process"]) == (prober.pid, "naive-probe")


def test_without_a_right_the_exit_status_is_the_same(machine, binary_of_all):
    assert is_root_of_the_machine()
    machine.do(
        "service = listen('127.0.0.1', 8080); holder = connect('127.0.0.1', 8080, source_port=50051)\n"
        "taken = service.accept()"
    )
    flags = ["--services.ports=50051"]
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    asked = machine.diagnose(*flags)
    hidden = machine.diagnose(*flags, binary=binary_of_all, wrapper=nobody)
    assert asked.status == hidden.status == 2
    assert asked.ids == hidden.ids
    owner = hidden.one("service_port_taken")["evidence"]["holders"][0]["owner"]
    assert owner == {"uid": 0, "user": "root", "pid": None, "process": None, "unit": None, "container": None}
    not_seen = hidden.json["not_seen"]
    assert not_seen["hidden_sockets"] == not_seen["sockets"] == 3
    assert not_seen["users"] == ["root"]
    assert asked.json["not_seen"]["hidden_sockets"] == 0
    text = machine.output(*flags, binary=binary_of_all, wrapper=nobody).stdout
    assert text.count("Not seen") == 1
    assert text.count("\n          sudo timewait_exporter diagnose\n") == 1
    assert "user root" in text and "pid" not in text
    assert "Not seen" not in machine.output(*flags).stdout
