"""The Debian package in a booted machine, from its installation to its purge. The tests follow each
other."""

import json
import os
import re
import shutil

import pytest

from machine import Machine
from project import PACKAGE, ROOT, deb, poll, run, version

SERVICE = f"{PACKAGE}.service"
SOCKET = f"{PACKAGE}.socket"
DEFAULT = f"/etc/default/{PACKAGE}"
DROP_IN = f"/run/systemd/system/{SERVICE}.d"

# Files that come and go with whatever is installed.
PASSING = "/(proc|sys|dev|run|tmp|console|root)|/var/(log|tmp|cache|lib/(dpkg|apt|systemd))"


# Scripts that write what the shell makes of a line of which $1 was typed so far.
COMPLETE = {
    "bash": """
        . /usr/share/bash-completion/bash_completion
        . /usr/share/bash-completion/completions/timewait_exporter
        COMP_LINE="timewait_exporter $1" COMP_POINT=${#COMP_LINE}
        COMP_WORDS=($COMP_LINE) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        function=$(complete -p timewait_exporter | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        $function timewait_exporter "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
        echo "${COMPREPLY[@]}"
    """,
    # A shell at a terminal of its own, to which a Tab is typed.
    "zsh": """
        zmodload zsh/zpty
        zpty shell zsh -f -i
        zpty -w shell "autoload -U compinit; compinit -u; PS1='> '; print ready-to-type"
        zpty -r -m shell said '*ready-to-type*ready-to-type*> *'
        zpty -w -n shell "timewait_exporter $1"$'\\t'
        for i in {1..300}; do
            sleep 0.1
            zpty -r -t shell part && said+=$part
            [[ ${said##*timewait_exporter } != *$2* ]] || break
        done
        print -r -- ${said##*timewait_exporter }
    """,
    "fish": 'complete -C "timewait_exporter $argv[1]"',
}


@pytest.fixture(scope="module")
def machine():
    with Machine.booted(os.environ["BOOKWORM"]) as machine:
        shutil.copy(deb(), machine.root / "root/new.deb")
        yield machine


@pytest.fixture(scope="module")
def before(machine):
    """All files of the machine before anything was installed."""
    return files(machine)


@pytest.fixture(scope="module")
def old(machine, tmp_path_factory):
    """The same package with a lower version, installed."""
    folder = tmp_path_factory.mktemp("old")
    run("dpkg-deb", "-R", deb(), folder / "tree")
    control = folder / "tree/DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*", "Version: 0.0.1", control.read_text()))
    run("dpkg-deb", "--root-owner-group", "-b", folder / "tree", machine.root / "root/old.deb")
    machine.run("apt-get install -y /root/old.deb")


def files(machine):
    found = set(re.sub(rf"(?m)^({PASSING})(/.*)?\n", "", machine.run("find / -xdev") + "\n").splitlines())
    # What the example unit runs, which these tests have put there.
    return found - {"/usr/bin/payments"}


def show(machine, name, unit=SERVICE):
    return machine.run(f"systemctl show --value -p {name} {unit}")


def page(machine):
    return machine.run("curl -sS --fail --max-time 10 http://127.0.0.1:10057/metrics")


def serves(machine):
    return "timewait_exporter_build_info" in machine.tells("curl -s --fail --max-time 5 http://127.0.0.1:10057/metrics")


def configure(machine, arguments):
    machine.run(f"printf '%s\\n' 'ARGS=\"{arguments}\"' >{DEFAULT}")


def test_the_package_installs_and_its_service_is_enabled_active_and_serves(machine, before, old):
    assert machine.run(f"systemctl is-enabled {SERVICE}") == "enabled"
    assert machine.run(f"systemctl is-active {SERVICE}") == "active"
    assert machine.run(f"systemctl is-enabled {SOCKET} || true") == "disabled"
    assert f'version="{version()}"' in page(machine)
    assert show(machine, "NRestarts") == "0"


def test_an_upgrade_keeps_the_flags_that_somebody_wrote_and_runs_the_new_version(machine, old):
    configure(machine, "--services.ports=8080")
    process = show(machine, "MainPID")
    machine.run("apt-get install -y /root/new.deb")
    assert machine.run(f"dpkg-query -W -f '${{Version}} ${{Status}}' {PACKAGE}") == f"{version()} install ok installed"
    assert show(machine, "MainPID") != process
    assert 'timewait_service_port_listening{port="8080"} 0' in page(machine)
    assert machine.run(f"systemctl is-active {SERVICE}") == "active"


def test_the_process_has_a_user_of_its_own_no_capability_and_a_filter_of_system_calls(machine):
    status = dict(re.findall(r"(?m)^(\w+):\s+(.*)$", machine.run(f"cat /proc/{show(machine, 'MainPID')}/status")))
    assert [status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")] == ["0" * 16] * 5
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    user = int(status["Uid"].split()[0])
    assert 61184 <= user <= 65519, "the users that systemd makes for services"
    assert machine.run(f"getent passwd {PACKAGE} /etc/passwd || true") == ""


def test_it_sees_the_sockets_of_the_machine_over_sock_diag(machine):
    server = "import socket, time; s = socket.create_server(('127.0.0.1', 8080)); time.sleep(60)"
    machine.run(f'systemd-run --unit=listener /usr/bin/python3 -c "{server}"')
    poll("the listener is seen", lambda: 'timewait_port_listeners{port="8080"} 1' in page(machine))
    machine.run("systemctl stop listener")
    text = page(machine)
    assert 'timewait_sampler_source_info{source="sock_diag"} 1' in text
    assert set(re.findall(r"(?m)^timewait_sampler_success\{.*\} (.*)$", text)) == {"1"}
    assert "timewait_ephemeral_range_low 32768" in text


def test_the_page_names_services_by_their_user_and_root_sees_their_units(machine):
    # An even port of the range, which nobody is given by chance.
    server = "import socket, time; s = socket.create_server(('127.0.0.1', 50052)); time.sleep(60)"
    machine.run(f'systemd-run --unit=ledger --uid=daemon /usr/bin/python3 -c "{server}"')
    ask = "curl -sS --fail --max-time 10 http://127.0.0.1:10057"
    poll("the listener is found", lambda: '"id": "listener_exposed"' in machine.run(f"{ask}/api/v1/diagnosis"))
    owner = found(machine.run(f"{ask}/api/v1/diagnosis"), "listener_exposed")["evidence"]["services"][0]["owner"]
    assert (owner["user"], owner["process"], owner["unit"]) == ("daemon", None, None)
    landing = machine.run(f"{ask}/")
    assert "50052" in landing and "daemon" in landing
    seen = found(machine.run("timewait_exporter diagnose --json", status=1), "listener_exposed")
    owner = seen["evidence"]["services"][0]["owner"]
    assert (owner["user"], owner["process"], owner["unit"]) == ("daemon", "python3", "ledger.service")
    # And the service notices nothing.
    assert machine.run("systemctl is-active ledger") == "active"
    machine.run("systemctl stop ledger")


def found(diagnosis, check):
    return next(finding for finding in json.loads(diagnosis)["findings"] if finding["id"] == check)


def test_systemd_finds_little_that_could_be_taken_from_it(machine):
    said = machine.run(f"systemd-analyze security --no-pager {SERVICE} | tail -1")
    assert float(re.search(r": ([\d.]+) ", said)[1]) <= 1.5, said


def test_the_log_of_the_service_is_in_the_journal(machine):
    assert "msg=Serving" in machine.run(f"journalctl -u {SERVICE} -o cat")


def test_a_process_that_is_killed_is_started_again(machine):
    restarts = int(show(machine, "NRestarts"))
    machine.run(f"kill -9 {show(machine, 'MainPID')}")
    poll("it serves again", lambda: int(show(machine, "NRestarts")) == restarts + 1 and serves(machine))


def test_the_watchdog_ends_a_process_that_stands_still_and_one_that_works_it_leaves_alone(machine):
    assert show(machine, "WatchdogUSec") == "30s"
    machine.run(f"mkdir -p {DROP_IN} && printf '[Service]\\nWatchdogSec=2s\\n' >{DROP_IN}/watchdog.conf")
    machine.run(f"systemctl daemon-reload && systemctl restart {SERVICE}")
    process = show(machine, "MainPID")
    machine.run("sleep 5")
    assert show(machine, "MainPID") == process
    machine.run(f"kill -STOP {process}")
    poll("it serves again", lambda: show(machine, "MainPID") not in ("0", process) and serves(machine))
    assert "Watchdog timeout" in machine.run(f"journalctl -u {SERVICE} -o cat")
    machine.run(f"rm -r {DROP_IN} && systemctl daemon-reload && systemctl restart {SERVICE}")


def test_a_flag_that_is_not_understood_is_not_tried_again_and_the_journal_says_why(machine):
    configure(machine, "--sampler.interval=never")
    machine.run(f"systemctl restart {SERVICE}", status=1)
    # RestartSec is 5 s.
    machine.run("sleep 7")
    assert machine.run(f"systemctl is-failed {SERVICE}") == "failed"
    assert show(machine, "ExecMainStatus") == "64"
    assert "'never' is invalid for '--sampler.interval" in machine.run(f"journalctl -u {SERVICE} -o cat -n 20")
    configure(machine, "")
    machine.run(f"systemctl reset-failed {SERVICE} && systemctl restart {SERVICE}")


def test_the_socket_unit_starts_the_service_with_the_first_scrape_and_loses_none_while_it_restarts(machine):
    configure(machine, "--web.systemd-socket")
    machine.run(f"systemctl stop {SERVICE} && systemctl enable --now {SOCKET}")
    assert machine.run(f"systemctl is-active {SERVICE} || true") == "inactive"
    assert "timewait_exporter_build_info" in page(machine)
    assert machine.run(f"systemctl is-active {SERVICE}") == "active"
    # 40 scrapes, and a restart in their midst.
    scrape = "curl -s -o /dev/null --fail --max-time 10 http://127.0.0.1:10057/-/healthy || echo lost; sleep 0.1"
    restart = f"(sleep 1; systemctl restart {SERVICE}) &"
    assert machine.run(f"{restart} for i in $(seq 40); do {scrape}; done; wait") == ""
    machine.run(f"systemctl disable --now {SOCKET}")
    configure(machine, "")
    machine.run(f"systemctl restart {SERVICE}")
    assert serves(machine)


def test_with_tls_it_reads_a_key_that_only_a_group_of_the_service_may_read(machine, tmp_path):
    request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost"]
    folder = machine.root / "etc/timewait_exporter"
    folder.mkdir()
    run("openssl", *request, "-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "key", "-out", folder / "cert")
    (folder / "web.yml").write_text("tls_server_config: { cert_file: cert, key_file: key }\n")
    machine.run("groupadd keys && chgrp -R keys /etc/timewait_exporter && chmod -R u=rwX,g=rX,o= /etc/timewait_exporter")
    configure(machine, "--web.config.file=/etc/timewait_exporter/web.yml")
    machine.run(f"systemctl restart {SERVICE}", status=1)
    assert "Permission denied" in machine.run(f"journalctl -u {SERVICE} -o cat -n 5")
    machine.run(f"mkdir -p {DROP_IN} && printf '[Service]\\nSupplementaryGroups=keys\\n' >{DROP_IN}/keys.conf")
    machine.run(f"systemctl daemon-reload && systemctl restart {SERVICE}")
    ask = "curl -sS --fail --max-time 10 --cacert /etc/timewait_exporter/cert https://localhost:10057/metrics"
    assert "timewait_exporter_build_info" in machine.run(ask)
    configure(machine, "")
    machine.run(f"rm -r {DROP_IN} /etc/timewait_exporter && groupdel keys")
    machine.run(f"systemctl daemon-reload && systemctl restart {SERVICE}")


def test_it_stops_at_once_and_cleanly(machine):
    machine.run(f"timeout 5 systemctl stop {SERVICE}")
    assert show(machine, "Result") == "success"
    assert show(machine, "ExecMainStatus") == "0"
    machine.run(f"systemctl start {SERVICE}")


def test_the_manual_page_is_there_and_has_every_flag(machine):
    shown = machine.run("MANWIDTH=100 man timewait_exporter 2>&1")
    for command in [
        "timewait_exporter",
        *(f"timewait_exporter {name}" for name in ["diagnose", "reserve", "wait-port", "metrics"]),
    ]:
        assert command in shown
        for flag in re.findall(r"(?m)^  (--[\w.-]+)", machine.run(f"{command} --help")):
            assert flag in shown
    assert machine.run("man --warnings -E UTF-8 -l /usr/share/man/man1/timewait_exporter.1.gz 2>&1 >/dev/null") == ""


@pytest.mark.parametrize(
    "typed, completed",
    [
        ("--sampler.i", "--sampler.interval"),
        ("--log.level de", "debug"),
        ("--sampler.source s", "sock_diag"),
        ("res", "reserve"),
        ("wait", "wait-port"),
        ("wait-port --rel", "--release"),
        ("reserve --all", "--all-services"),
        ("metrics --format o", "openmetrics"),
    ],
)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shells_complete_flags_and_their_values(machine, shell, typed, completed):
    (machine.root / "root/complete").write_text(COMPLETE[shell])
    assert completed in machine.run(f"{shell} /root/complete '{typed}' '{completed}'")


# Named as in the example unit: a server on the port that its last argument ends with, on a socket
# of its own or on one that systemd passes.
PAYMENTS = """#!/usr/bin/python3
import os, socket, sys
if "LISTEN_FDS" in os.environ:
    listener = socket.socket(fileno=3)
else:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("", int(sys.argv[-1].split("=")[1])))
    listener.listen()
while True:
    # Whoever closes first has the TIME_WAIT.
    listener.accept()[0].close()
"""


@pytest.fixture(scope="module")
def payments(machine):
    """The example unit as it lies in the package, with a program for it."""
    program = machine.root / "usr/bin/payments"
    program.write_text(PAYMENTS)
    program.chmod(0o755)
    example = f"/usr/share/doc/{PACKAGE}/examples/payments.service"
    machine.run(f"cp {example} /run/systemd/system/ && systemctl daemon-reload")
    yield "payments.service"
    machine.run("systemctl stop payments.service payments.socket; true")
    machine.run("rm -f /run/systemd/system/payments.* /usr/bin/payments && systemctl daemon-reload")


def test_the_example_unit_waits_for_its_port_and_the_journal_names_the_holder(machine, payments):
    holder = (
        "import socket, time; t = socket.create_server(('127.0.0.1', 9000)); c = socket.socket(); "
        "c.bind(('127.0.0.1', 50051)); c.connect(('127.0.0.1', 9000)); a = t.accept()[0]; time.sleep(4); "
        "a.close(); c.recv(1); c.close()"
    )
    machine.run(f'systemd-run --unit=backup /usr/bin/python3 -c "{holder}"')
    poll("the port is held", lambda: "127.0.0.1:50051" in machine.run("ss -Htan state established"))
    machine.run(f"systemctl start {payments}")
    assert machine.run(f"systemctl is-active {payments}") == "active"
    journal = machine.run(f"journalctl -u {payments} -o cat")
    assert "port 50051 is taken: 127.0.0.1:50051 -> 127.0.0.1:9000 ESTABLISHED of python3 (pid " in journal
    assert ", backup.service), until it is closed; waiting 70 s more at most" in journal
    assert "timewait_exporter: port 50051 is free after " in journal
    assert show(machine, "NRestarts", payments) == "0"
    print(journal)


def test_the_example_unit_restarts_at_once_beside_the_time_waits_of_its_own_connections(machine, payments):
    poll("it listens", lambda: "*:50051" in machine.run("ss -Htln").replace("0.0.0.0", "*"))
    dial = "import socket; [socket.create_connection(('127.0.0.1', 50051)).recv(1) for _ in range(5)]"
    machine.run(f'/usr/bin/python3 -c "{dial}"')
    assert machine.run("ss -Htan state time-wait sport = :50051 | wc -l") == "5"
    machine.run(f"timeout 20 systemctl restart {payments}")
    assert show(machine, "NRestarts", payments) == "0"
    assert machine.run("ss -Htan state time-wait sport = :50051 | wc -l") == "5"


def test_a_socket_unit_keeps_the_port_while_its_service_restarts(machine, payments):
    machine.run(f"systemctl stop {payments}")
    unit = "[Socket]\\nListenStream=0.0.0.0:50053\\n"
    machine.run(f"printf '{unit}' >/run/systemd/system/payments.socket")
    machine.run("sed -i /ExecStartPre/d /run/systemd/system/payments.service && systemctl daemon-reload")
    machine.run("systemctl start payments.socket")
    dial = "import socket; [socket.create_connection(('127.0.0.1', 50053)).recv(1) for _ in range(5)]"
    machine.run(f'/usr/bin/python3 -c "{dial}"')
    assert machine.run(f"systemctl is-active {payments}") == "active"
    machine.run(f"systemctl stop {payments}")
    # The service is away, with TIME_WAITs on its port: the socket still listens.
    listening = machine.run("ss -Htlnp sport = :50053")
    assert "systemd" in listening
    said = machine.run("timewait_exporter wait-port 50053 --timeout=0s 2>&1", status=1)
    assert said.startswith("timewait_exporter: port 50053 is taken: 0.0.0.0:50053 LISTEN of systemd (pid 1")
    machine.run(f'/usr/bin/python3 -c "{dial}"')
    assert machine.run(f"systemctl is-active {payments}") == "active"
    print(listening, said, sep="\n")


def test_removing_it_keeps_the_flags_and_purging_it_leaves_nothing(machine, before):
    machine.run(f"apt-get remove -y {PACKAGE}")
    assert not serves(machine)
    assert machine.run(f"ls {DEFAULT}") == DEFAULT
    machine.run(f"apt-get purge -y {PACKAGE}")
    assert files(machine) - before == set()
    assert before - files(machine) == set()
    assert machine.run(f"systemctl list-unit-files '{PACKAGE}*' --no-legend || true") == ""
    assert machine.run("grep -slx timewait_export /proc/[0-9]*/comm || true") == ""


def test_the_files_that_the_install_page_names_make_a_service_without_the_package_too(machine, before, tmp_path):
    page = (ROOT / "docs/install.md").read_text()
    steps = re.findall(r"(?m)^sudo install -m (\d+) (\S+) (\S+)$", page)
    assert len(steps) == 3
    run("dpkg-deb", "-x", deb(), tmp_path)
    for mode, source, to in steps:
        # What deploy/build-static makes is what the package brings.
        built = source.startswith(".build")
        shutil.copy(
            tmp_path / "usr/bin/timewait_exporter" if built else ROOT / source,
            machine.root / "root" / source.rpartition("/")[2],
        )
        machine.run(f"install -m {mode} /root/{source.rpartition('/')[2]} {to}")
    machine.run(f"systemctl daemon-reload && systemctl enable --now {SERVICE}")
    assert serves(machine)
    machine.run(f"systemctl disable --now {SERVICE}")
    machine.run(f"rm /usr/bin/timewait_exporter /etc/systemd/system/{SERVICE} {DEFAULT} && systemctl daemon-reload")
    assert files(machine) - before == set()
