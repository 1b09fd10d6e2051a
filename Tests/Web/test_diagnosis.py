"""The diagnosis of a running exporter: page, JSON and text of one sample tell the numbers of
/metrics."""

import html
import json
import re
import socket
import subprocess

import pytest

from certificates import tls_section
from client import request
from exporter import BINARY, Exporter, poll
from page import ACCEPT_TEXT, Page
from passwords import PASSWORDS, section

PORTS = [8080, 8081, 50052]
CLOSES_FIRST = 8081


@pytest.fixture(scope="module")
def troubled(tmp_path_factory):
    """An exporter of a host with three services, TIME_WAITs at both ends, and a destination with
    live connections."""
    listeners = {port: socket.create_server(("127.0.0.1", port), backlog=64) for port in PORTS}
    kept = []
    for port, listener in listeners.items():
        for number in range(30 + port % 100):
            client = socket.create_connection(("127.0.0.1", port))
            service, _ = listener.accept()
            first, last = (service, client) if port == CLOSES_FIRST else (client, service)
            if number < 7:
                kept += [client, service]
                continue
            first.close()
            last.recv(1)
            last.close()
    # Not at a port of the kernel's choice, which would be exposed too.
    with Exporter.started(tmp_path_factory.mktemp("troubled"), listen="127.0.0.1:10057") as exporter:
        yield exporter
    for one in [*kept, *listeners.values()]:
        one.close()


@pytest.fixture(scope="module")
def together(troubled):
    """What the exporter tells in each form, of one sample."""

    def get(path, accept="*/*"):
        with troubled.client() as client:
            client.send(request(path, {"Accept": accept}))
            answer = client.answer()
            assert answer.status == 200
            return answer

    def look():
        first = get("/api/v1/diagnosis").text
        forms = get("/metrics", ACCEPT_TEXT), get("/").text, ask(troubled, "--verbose").stdout
        # The duration of the reading is that of each asking.
        if sampled(first) != sampled(get("/api/v1/diagnosis").text):
            return None
        return json.loads(first), *forms

    diagnosis, metrics, landing, text = poll("all forms come of one sample", look, 30)
    return diagnosis, Page.of(metrics).samples, landing, text


def sampled(diagnosis):
    return json.loads(diagnosis)["sampled_at"], json.loads(diagnosis)["summary"]


def ask(exporter, *flags):
    return subprocess.run(
        [BINARY, "diagnose", "--url", exporter.url(""), *flags], capture_output=True, text=True, timeout=20
    )


def value(metrics, name, **labels):
    return int(metrics[name, frozenset(labels.items())])


def total(metrics, name, **labels):
    chosen = [v for (n, given), v in metrics.items() if n == name and set(labels.items()) <= given]
    assert chosen, name
    return int(sum(chosen))


def plain(landing):
    """The text of the page, without its style."""
    body = re.sub(r"<(style|title|desc)\b.*?</\1>", " ", landing, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_json_has_the_numbers_of_the_page_of_metrics(together):
    diagnosis, metrics, _, _ = together
    summary = diagnosis["summary"]
    assert summary["time_wait"] == total(metrics, "timewait_table_sockets", state="time_wait") > 100
    assert summary["time_wait_local"] == total(metrics, "timewait_sockets", peer="local")
    assert summary["listen_sockets"] == total(metrics, "timewait_table_sockets", state="listen")
    assert summary["destinations"] == value(metrics, "timewait_destinations")
    assert summary["ephemeral"] == {
        "low": value(metrics, "timewait_ephemeral_range_low"),
        "high": value(metrics, "timewait_ephemeral_range_high"),
        "usable": value(metrics, "timewait_ephemeral_ports_usable"),
        "used": total(metrics, "timewait_ephemeral_ports_used"),
    }
    nearest = summary["nearest"]
    assert nearest["live"] + nearest["time_wait"] == value(metrics, "timewait_destination_ports_used_max") >= 7
    assert nearest["exhaustion_seconds"] is None
    assert metrics["timewait_destination_exhaustion_seconds", frozenset()] == float("inf")
    exposed = next(finding for finding in diagnosis["findings"] if finding["id"] == "listener_exposed")
    assert exposed["evidence"]["ports"] == [50052]
    ratio = metrics["timewait_port_collision_ratio", frozenset({("port", "50052")})]
    assert abs(exposed["evidence"]["services"][0]["collision_ratio"] - ratio) < 0.001


def test_the_text_says_the_same_as_json(together):
    diagnosis, _, _, text = together
    summary = diagnosis["summary"]
    assert re.search(rf"^TIME_WAIT +{summary['time_wait']:,}  ", text, re.M)
    assert f"{summary['ephemeral']['used']:,} of {summary['ephemeral']['usable']:,} usable" in text
    for finding in diagnosis["findings"]:
        assert finding["title"] in " ".join(text.split())
        assert finding["id"] in text
    assert f"{len(diagnosis['passed'])} checks found nothing" in text


def test_the_landing_page_says_the_same_as_json_and_metrics(together):
    diagnosis, metrics, landing, _ = together
    shown = plain(landing)
    summary = diagnosis["summary"]
    assert f"TIME_WAIT {summary['time_wait']:,} " in shown
    assert f"{summary['time_wait_local']:,} of {summary['time_wait']:,} TIME_WAITs" in shown
    assert f"{summary['ephemeral']['used']:,} of {summary['ephemeral']['usable']:,} usable" in shown
    for finding in diagnosis["findings"]:
        assert finding["title"] in shown
    rows = dict(re.findall(r'<tr><th scope="row" class="num">(\d+)</th>.*?<td class="num strong">([\d,]+)</td>', landing))
    for port in PORTS:
        assert int(rows[str(port)].replace(",", "")) == total(metrics, "timewait_port_sockets", port=str(port)) > 0


def test_diagnose_of_this_host_and_of_the_running_exporter_find_the_same(troubled):
    here = subprocess.run([BINARY, "diagnose", "--json"], capture_output=True, text=True, timeout=20)
    there = ask(troubled, "--json")
    # Tests before this one leave TIME_WAITs, of which more may be said, for the whole machine.
    assert here.returncode in (1, 2) and there.returncode in (1, 2)

    def found(output):
        return {(finding["id"], finding["key"]) for finding in json.loads(output)["findings"] if finding["key"]}

    assert found(here.stdout) == found(there.stdout) >= {("listener_exposed", "50052")}


def test_a_target_that_is_absent_or_no_exporter_is_reported_in_one_line(plain_server, troubled):
    for url, parts in [
        ("http://127.0.0.1:1", ["http://127.0.0.1:1", "nothing listens"]),
        (plain_server, [plain_server]),
        ("http://nowhere.invalid:10057", ["nowhere.invalid"]),
    ]:
        asked = subprocess.run([BINARY, "diagnose", "--url", url], capture_output=True, text=True, timeout=20)
        assert asked.returncode == 3, asked
        assert asked.stdout == "" and asked.stderr.count("\n") == 1
        for part in ["timewait_exporter: ", *parts]:
            assert part in asked.stderr
    for flags in (["--watch"], ["--for=5s"], ["--url", "nonsense://127.0.0.1"], ["--url", ""]):
        asked = ask(troubled, *flags)
        assert asked.returncode == 64 and asked.stdout == "" and asked.stderr.count("\n") == 1


def test_an_exporter_behind_tls_users_and_client_certificates_is_asked_with_the_flags_of_curl(
    tmp_path, config, authority, server
):
    client = authority.issue("client")
    text = tls_section(
        server, client_auth_type="RequireAndVerifyClientCert", client_ca_file=authority.certificate
    ) + section("alice")
    with Exporter.started(tmp_path, config=config(text)) as exporter:
        url = ["--url", exporter.url("", scheme="https"), "--json"]
        trusted = ["--cacert", authority.certificate]
        known = ["--cert", client.certificate, "--key", client.key]
        user = ["--user", f"alice:{PASSWORDS['alice']}"]

        def asked(*flags):
            return subprocess.run([BINARY, "diagnose", *url, *flags], capture_output=True, text=True, timeout=30)

        for flags in ([*trusted, *known, *user], ["--insecure", *known, *user]):
            done = asked(*flags)
            # Other tests have left TIME_WAITs.
            assert done.returncode in (0, 1, 2), done
            assert json.loads(done.stdout)["version"] == 1
        for flags, what in [
            ([*known, *user], "--cacert"),
            ([*trusted, *known], "--user"),
            ([*trusted, *known, "--user", "alice:wrong"], "--user"),
            ([*trusted, *user], "--cert"),
        ]:
            done = asked(*flags)
            assert done.returncode == 3 and done.stdout == "" and done.stderr.count("\n") == 1, done
            assert what in done.stderr, done.stderr


@pytest.fixture
def plain_server(tmp_path):
    """A web server that is no exporter."""
    server = subprocess.Popen(
        ["python3", "-u", "-m", "http.server", "--bind", "127.0.0.1", "0", "--directory", tmp_path],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    port = re.search(r"port (\d+)", server.stdout.readline())[1]
    yield f"http://127.0.0.1:{port}"
    server.kill()
    server.wait()
