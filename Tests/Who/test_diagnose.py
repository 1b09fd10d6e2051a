"""`diagnose --trace` names the culprit."""

import json
import subprocess
import sys
import threading

import pytest

from exporter import BINARY, ROOT
from programs import closes, inside, is_tracing, settled, started

# Dials all of its ports over and over, and binds a port that is taken; after a line of its input it
# prints how many connections it had, and only listens.
PROBER = """
import ctypes, errno, select, socket, sys, time
ctypes.CDLL(None).prctl(15, b"node-probe", 0, 0, 0)
listeners = [socket.create_server(("127.0.0.1", 7000 + number)) for number in range(8)]
print("ready", flush=True)
end = time.monotonic() + float(sys.argv[1])
count = 0
while time.monotonic() < end and not select.select([sys.stdin], [], [], 0)[0]:
    for number, listener in enumerate(listeners):
        client = socket.create_connection(("127.0.0.1", 7000 + number))
        server, _ = listener.accept()
        client.shutdown(socket.SHUT_WR); server.recv(1); server.close(); client.close()
        count += 1
    try: socket.socket().bind(("127.0.0.1", 7000))
    except OSError as error: assert error.errno == errno.EADDRINUSE
    time.sleep(0.02)
print(count, flush=True)
sys.stdin.read()
"""


def diagnose(host, *flags):
    command = inside(host, BINARY, "diagnose", "--color=never", *flags)
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def start_prober(host):
    command = inside(host, sys.executable, "-c", PROBER, 40)
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_the_trace_names_the_prober_its_share_and_the_program_whose_bind_fails(new_host):
    # More than the prober needs in a minute.
    host = new_host(ip_local_port_range="40000 43999")
    host.do("listener = listen('127.0.0.1', 9000)")
    prober = start_prober(host)
    try:
        assert prober.stdout.readline() == "ready\n"
        with started(host, "exhauster.py", "greedy", "127.0.0.1", 9000, 1) as greedy:
            greedy.stdout.readline()
            later = threading.Timer(2, lambda: run_victim(host))
            later.start()
            answer = diagnose(host, "--trace=6s", "--json")
            later.join()
    finally:
        prober.kill()
        prober.wait(20)
    diagnosis = json.loads(answer.stdout)
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(diagnosis, json.loads((ROOT / "docs/diagnose.schema.json").read_text()))
    traced = diagnosis["traced"]
    closes = {line["process"]: line["local"] for line in traced["closes"]}
    assert closes["node-probe"] > 8
    assert [(line["process"], line["port"], line["calls"]) for line in traced["connect_failures"]] == [("victim", 9000, 4)]
    assert {line["process"] for line in traced["bind_failures"]} == {"node-probe"}
    finding = next(finding for finding in diagnosis["findings"] if finding["id"] == "local_prober")
    assert any("were closed first by node-probe" in line for line in finding["seen"]), finding["seen"]


def test_a_running_exporter_names_the_prober_of_the_last_minute(new_host, tmp_path):
    # More than the prober needs in a minute.
    host = new_host(ip_local_port_range="40000 43999")
    host.do("listener = listen('127.0.0.1', 9000)")
    with host.exporter(tmp_path, "--who") as exporter:
        is_tracing(exporter)
        prober = start_prober(host)
        try:
            assert prober.stdout.readline() == "ready\n"
            with started(host, "exhauster.py", "greedy", "127.0.0.1", 9000, 4) as greedy:
                greedy.stdout.readline()
                prober.stdin.write("\n")
                prober.stdin.flush()
                count = int(prober.stdout.readline())
                page = settled(exporter, count)
                diagnosis = ask(host)
                text = " ".join(diagnose(host, "--url=http://127.0.0.1:10057").stdout.split())
        finally:
            prober.kill()
            prober.wait(20)
    assert count > 8
    assert closes(page, "node-probe") == count
    traced = diagnosis["traced"]
    assert (traced["by"], traced["bind_failures"]) == ("exporter", None)
    # Less than a minute after the start it has all of them.
    assert 0 < traced["seconds"] <= 61
    found = {line["process"]: (line["local"], line["remote"]) for line in traced["closes"]}
    assert found["node-probe"] == (count, 0)
    # The exporter closes connections, too.
    all_closes = sum(local for local, _ in found.values())
    assert [(line["process"], line["port"], line["calls"]) for line in traced["connect_failures"]] == [("greedy", 9000, 4)]
    finding = next(finding for finding in diagnosis["findings"] if finding["id"] == "local_prober")
    culprit = f"{count:,} of {all_closes:,} short connections within this host were closed first by node-probe"
    assert any(line.startswith("in the last ") and culprit in line for line in finding["seen"]), finding["seen"]
    assert "were closed first by node-probe" in text.partition("CRITICAL")[0].partition("WARNING")[0], text
    assert "4 connect() calls of greedy to 127.0.0.1:9000 found no free port" in text


def ask(host):
    """The diagnosis of the exporter, valid by its schema."""
    diagnosis = json.loads(diagnose(host, "--url=http://127.0.0.1:10057", "--json").stdout)
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(diagnosis, json.loads((ROOT / "docs/diagnose.schema.json").read_text()))
    return diagnosis


def run_victim(host):
    with started(host, "exhauster.py", "victim", "127.0.0.1", 9000, 4) as victim:
        victim.stdout.readline()


def test_without_the_right_to_trace_the_rest_is_diagnosed(new_host):
    host = new_host()
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all"]
    answer = subprocess.run(
        inside(host, *command, BINARY, "diagnose", "--trace=1s", "--color=never"), capture_output=True, text=True, timeout=60
    )
    assert answer.returncode in (0, 1), answer.stderr
    text = " ".join(answer.stdout.split())
    assert "sys_exit_bind/format: open: Permission denied; run it as root" in text
    # systemd passes files to services.
    assert "LoadCredential" not in text
