"""--who under the package's unit and its drop-in, in a booted machine: the names of units, and what
each right is for. The tests follow each other."""

import collections
import functools
import os
import re
import shutil

import pytest

import project
from machine import Machine
from project import PACKAGE, ROOT, deb, run
from tracing import PERFMON, RIGHTS, TRACEFS, enable, mount_tracefs

SERVICE = f"{PACKAGE}.service"
DROP_INS = f"/etc/systemd/system/{SERVICE}.d"
EVENT = f"{TRACEFS}/events/sock/inet_sock_set_state"
CONTAINER = "5f0c" * 16

# A reading takes place every five seconds, and more rarely on a busy machine.
poll = functools.partial(project.poll, seconds=60)

# The first port is of a server that closes first, the other one of a server that waits for the
# client to do so.
BACKEND = """
import socket, threading
def serve(port, closes_first):
    listener = socket.create_server(("127.0.0.1", port))
    while True:
        connection = listener.accept()[0]
        if not closes_first: connection.recv(1)
        connection.close()
threading.Thread(target=serve, args=(7002, False)).start()
serve(7001, True)
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    brief = tmp_path_factory.mktemp("brief") / "brief"
    run("gcc", "-O1", "-static", "-o", brief, ROOT / "Tests/Deploy/brief.c")
    with Machine.booted(os.environ["BOOKWORM"], *RIGHTS) as machine:
        mount_tracefs(machine)
        shutil.copy(deb(), machine.root / "root/new.deb")
        shutil.copy(brief, machine.root / "usr/bin/brief")
        (machine.root / "root/backend.py").write_text(BACKEND)
        # Before the exporter: it has to look these names up.
        machine.run("systemd-run -q --unit=backend /usr/bin/python3 /root/backend.py")
        machine.run("apt-get install -y /root/new.deb")
        yield machine


@pytest.fixture(scope="module")
def enabled(machine):
    enable(machine)
    poll("it traces", lambda: success(machine, "who") == 1)


def page(machine):
    return machine.tells("curl -s --fail --max-time 10 http://127.0.0.1:10057/metrics")


def success(machine, collector):
    found = re.search(rf'(?m)^timewait_sampler_success{{collector="{collector}"}} (\d)$', page(machine))
    return found and int(found[1])


def closes(machine):
    """The closes by unit and process."""
    found = collections.Counter()
    for labels, value in re.findall(r"(?m)^timewait_closes_total\{(.*)\} (\d+)$", page(machine)):
        labels = dict(re.findall(r'(\w+)="(.*?)"', labels))
        found[labels["unit"], labels["process"]] += int(value)
    return found


def assert_counted(machine, expected):
    """Waits for these closes, and that there are no more of them, and none of these programs
    elsewhere."""
    programs = {process for _, process in expected}
    total = sum(expected.values())
    of_these = lambda: {key: count for key, count in closes(machine).items() if key[1] in programs}  # noqa: E731
    try:
        poll("all are counted", lambda: sum(of_these().values()) >= total)
    finally:
        assert of_these() == expected


def log(machine):
    """What the service has written since it was started the last time."""
    start = machine.run(f"systemctl show --value -p InvocationID {SERVICE}")
    return machine.run(f"journalctl _SYSTEMD_INVOCATION_ID={start} -o cat").splitlines()


def lines_of_who(machine):
    return [line for line in log(machine) if "collector=who" in line]


def restart(machine):
    machine.run(f"systemctl daemon-reload && systemctl restart {SERVICE}")


def overriding(machine):
    """A file that takes from the drop-in: the last one that systemd reads."""
    return machine.root / DROP_INS.lstrip("/") / "zz.conf"


def show(machine, name):
    return machine.run(f"systemctl show --value -p {name} {SERVICE}")


def test_the_drop_in_gives_the_process_one_capability_and_no_more(machine, enabled):
    status = dict(re.findall(r"(?m)^(\w+):\s+(.*)$", machine.run(f"cat /proc/{show(machine, 'MainPID')}/status")))
    assert [status[name] for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")] == [PERFMON] * 4
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert 61184 <= int(status["Uid"].split()[0]) <= 65519, "the users that systemd makes for services"


def test_units_are_named_those_that_live_for_a_millisecond_and_those_of_before_too(machine, enabled):
    dial = "import socket; [socket.create_connection(('127.0.0.1', 7001)).recv(1) for _ in range(7)]"
    machine.run(f'/usr/bin/python3 -c "{dial}"')
    units = [f"health-check-{number}" for number in range(5)]
    for unit in units:
        print(machine.run(f"systemd-run --wait --unit={unit} /usr/bin/brief 7002 3 2>&1"))
    machine.run("systemd-run -q --scope --unit=batch /usr/bin/brief 7002 4")
    # As Docker names them.
    machine.run(f"systemd-run -q --scope --unit=docker-{CONTAINER} /usr/bin/brief 7002 5")
    expected = {(f"{unit}.service", "brief"): 3 for unit in units}
    expected |= {("batch.scope", "brief"): 4, (f"container/{CONTAINER[:12]}", "brief"): 5}
    assert_counted(machine, expected | {("backend.service", "python3"): 7})
    assert [line for line in log(machine) if "level=ERROR" in line or "level=WARNING" in line] == []


def test_it_opens_the_unit_as_little_as_the_document_says(machine, enabled):
    said = machine.run(f"systemd-analyze security --no-pager {SERVICE} | tail -1")
    print(said)
    [told] = re.findall(r"prints (\d\.\d) with the drop-in", (ROOT / "docs/who.md").read_text())
    assert float(re.search(r": ([\d.]+) ", said)[1]) == float(told)


def refusal(*texts, settings="", mount=True):
    return pytest.param(settings, mount, texts)


@pytest.mark.parametrize(
    "settings, has_tracefs, texts",
    [
        refusal(
            "CAP_PERFMON is missing",
            "AmbientCapabilities=CAP_PERFMON",
            settings="AmbientCapabilities=\nCapabilityBoundingSet=",
        ),
        refusal("SystemCallFilter=perf_event_open", settings="SystemCallFilter=~perf_event_open"),
        refusal("user namespace", "PrivateUsers=no", settings="PrivateUsers=yes"),
        refusal("Permission denied", f"LoadCredential=who:{EVENT}/format", settings="LoadCredential=\nSetCredential="),
        # SetCredential= stands in.
        refusal("found no file when it started", settings="LoadCredential=\nLoadCredential=who:/nowhere/format"),
        refusal("run 'mount -t tracefs tracefs /sys/kernel/tracing'; then restart the service", mount=False),
    ],
    ids=["capability", "system call", "user namespace", "credential", "file", "tracefs"],
)
def test_each_right_that_is_missing_has_its_line_and_all_else_works(machine, enabled, settings, has_tracefs, texts):
    overriding(machine).write_text(f"[Service]\n{settings}\n")
    if not has_tracefs:
        machine.run(f"umount {TRACEFS}")
    try:
        restart(machine)
        poll("the table has been read twice", lambda: success(machine, "socket_table") and success(machine, "who") == 0)
        lines = poll("the log says why", lambda: lines_of_who(machine))
        print(*lines, sep="\n")
        assert len(lines) == 1
        for text in texts:
            assert text in lines[0]
        text = page(machine)
        assert "timewait_who_events_total" not in text and "timewait_closes_total" not in text
        failed = re.findall(r'(?m)^timewait_sampler_success\{collector="(.*)"\} 0$', text)
        assert failed == ["who"]
        assert machine.run(f"systemctl is-active {SERVICE}") == "active"
    finally:
        if not has_tracefs:
            mount_tracefs(machine)
        overriding(machine).unlink()


def test_where_processes_are_hidden_units_have_names_and_a_line_says_why_programs_have_none(machine, enabled):
    overriding(machine).write_text("[Service]\nProtectProc=invisible\n")
    restart(machine)
    poll("it traces", lambda: success(machine, "who") == 1)
    [line] = poll("the log says what is hidden", lambda: lines_of_who(machine))
    assert "set ProtectProc=default" in line
    dial = "import socket; [socket.create_connection(('127.0.0.1', 7001)).recv(1) for _ in range(7)]"
    machine.run(f'/usr/bin/python3 -c "{dial}"')
    machine.run("systemd-run -q --wait --unit=health-check /usr/bin/brief 7002 3")
    poll("both are counted", lambda: sum(closes(machine).values()) >= 10)
    found = closes(machine)
    assert found["backend.service", ""] == 7
    assert found["health-check.service", "brief"] == 3
    overriding(machine).unlink()


def test_it_raises_its_limit_of_open_files_for_the_events_of_each_cpu(machine, enabled):
    overriding(machine).write_text("[Service]\nLimitNOFILE=300:524288\n")
    restart(machine)
    poll("it traces", lambda: success(machine, "who") == 1)
    limits = machine.run(f"cat /proc/{show(machine, 'MainPID')}/limits")
    # As for 512 connections, and two for each CPU.
    assert int(re.search(r"Max open files +(\d+)", limits)[1]) == 512 + 128 + 2 * os.sysconf("SC_NPROCESSORS_CONF")
    overriding(machine).unlink()


def test_without_the_drop_in_the_service_is_as_it_was(machine, enabled):
    machine.run(f"rm -r {DROP_INS}")
    restart(machine)
    poll("it serves", lambda: success(machine, "socket_table") == 1)
    assert success(machine, "who") is None
    assert re.search(r"(?m)^CapBnd:\s+0+$", machine.run(f"cat /proc/{show(machine, 'MainPID')}/status"))
