"""Compose, Prometheus, Alertmanager and Grafana: the files by their schemas and tools, and the two
that are to be had here with the commands and the files that compose gives them, in front of the
real exporter."""

import json
import re
import shutil
import socket
import subprocess

import pytest
import yaml

from project import DEPLOY, ROOT, deb, poll, run, version
from prometheus import Prometheus, get, running

COMPOSE = DEPLOY / "compose" / "compose.yaml"
DASHBOARDS = ROOT / "dashboards"
SERVICES = yaml.safe_load(COMPOSE.read_text())["services"]


def rules_in(name):
    """How many rules a generated file has."""
    return sum(len(group["rules"]) for group in yaml.safe_load((DASHBOARDS / name).read_text())["groups"])


# In the order in which every configuration names the files.
RULES = [rules_in("timewait-rules.yml"), rules_in("timewait-alerts.yml")]


def laid_out(folder, config):
    """A folder as a Prometheus has it, with the configuration and all that it names."""
    shutil.copytree(DASHBOARDS, folder / "timewait")
    shutil.copytree(DEPLOY / "fleet/targets", folder / "targets")
    for name in ("exporters-password", "remote-password"):
        (folder / name).write_text("secret")
    request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=test"]
    run("openssl", *request, "-keyout", folder / "key.pem", "-out", folder / "exporters-ca.pem")
    shutil.copy(config, folder / "prometheus.yml")
    return folder / "prometheus.yml"


def try_curl(url):
    return subprocess.run(["curl", "-s", "--fail", url], capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The packaged exporter."""
    folder = tmp_path_factory.mktemp("package")
    run("dpkg-deb", "-x", deb(), folder)
    return folder / "usr/bin/timewait_exporter"


def test_the_compose_file_keeps_to_the_specification():
    run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE)


def test_every_file_that_compose_mounts_is_there_and_read_only():
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source, _, mode = [*volume.split(":"), ""][:3]
            if source.startswith("."):
                assert (COMPOSE.parent / source).exists(), volume
                assert mode == "ro"


def test_all_services_of_compose_are_closed_and_listen_on_the_loopback_only():
    for name, service in SERVICES.items():
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), name
        assert service["security_opt"] == ["no-new-privileges:true"]
        addresses = re.findall(r"(?:listen-address=|HTTP_ADDR': ')([^'\"]*)", str(service))
        assert addresses and {address.split(":")[0] for address in addresses} <= {"127.0.0.1", ""}
    assert SERVICES["exporter"]["image"].endswith(f":{version()}")


@pytest.mark.parametrize(
    "config", ["prometheus/prometheus.yml", "fleet/prometheus-file-sd.yml", "fleet/prometheus-kubernetes-sd.yml"]
)
def test_promtool_takes_every_configuration_of_prometheus_with_the_rules_that_it_names(tmp_path, config):
    file = laid_out(tmp_path, DEPLOY / config)
    document = yaml.safe_load(file.read_text())
    # Debian's Prometheus is built without this one. What comes behind it is tried by the next test.
    document["scrape_configs"][0].pop("kubernetes_sd_configs", None)
    file.write_text(yaml.safe_dump(document))
    said = run("promtool", "check", "config", file)
    assert "SUCCESS" in said
    assert min(RULES) > 0
    assert [int(count) for count in re.findall(r"(\d+) rules found", said)] == RULES


def test_of_the_pods_in_kubernetes_the_running_exporters_are_kept_by_the_names_of_their_nodes(tmp_path):
    file = laid_out(tmp_path, DEPLOY / "fleet/prometheus-kubernetes-sd.yml")
    config = yaml.safe_load(file.read_text())
    [job] = config["scrape_configs"]
    del job["kubernetes_sd_configs"]
    meta = "__meta_kubernetes_pod_"

    def pod(address, phase, port):
        labels = {meta + "phase": phase, meta + "container_port_name": port, meta + "node_name": f"node-{address}"}
        return {"targets": [address], "labels": labels}

    pods = [pod("10.0.0.1:10057", "Running", "metrics"), pod("10.0.0.2:10057", "Failed", "metrics")]
    job["static_configs"] = [*pods, pod("10.0.0.3:9000", "Running", "other")]
    file.write_text(yaml.safe_dump(config))
    found = json.loads(run("promtool", "check", "service-discovery", "--timeout=3s", file, "timewait"))
    kept = [one["labels"] for one in found if one["labels"]]
    assert [(labels["__address__"], labels["instance"]) for labels in kept] == [("10.0.0.1:10057", "node-10.0.0.1:10057")]


def test_the_labels_that_the_fleet_gives_its_hosts_are_not_those_of_the_exporter(program, tmp_path):
    with running([program, "--web.listen-address=127.0.0.1:10057"], tmp_path / "exporter.log"):
        page = poll("it answers", lambda: try_curl("http://127.0.0.1:10057/metrics"))
    own = set(re.findall(r'[{,](\w+)="', page))
    assert {"role", "peer", "state"} <= own
    given = [group["labels"] for group in yaml.safe_load((DEPLOY / "fleet/targets/example.yml").read_text())]
    assert not own & {name for labels in given for name in labels}


def test_amtool_takes_the_configuration_of_alertmanager():
    assert "2 receivers" in run("amtool", "check-config", DEPLOY / "prometheus/alertmanager.yml")


def test_every_alert_goes_where_its_severity_says():
    groups = yaml.safe_load((DASHBOARDS / "timewait-alerts.yml").read_text())["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        severity = rule["labels"]["severity"]
        labels = [f"alertname={rule['alert']}", f"severity={severity}"]
        said = run("amtool", "config", "routes", "test", f"--config.file={DEPLOY}/prometheus/alertmanager.yml", *labels)
        assert said.strip() == ("pager" if severity == "critical" else "tickets")


def test_alerts_that_silence_others_exist_and_so_do_those():
    names = set(re.findall(r'alert: "(\w+)"', (DASHBOARDS / "timewait-alerts.yml").read_text()))
    told = set(re.findall(r"TimeWait\w+", (DEPLOY / "prometheus/alertmanager.yml").read_text()))
    assert len(told) == 7
    assert told <= names


def test_grafana_is_given_the_data_source_of_compose_and_a_folder_with_the_dashboards():
    provisioning = DEPLOY / "grafana/provisioning"
    [source] = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())["datasources"]
    assert f"--web.listen-address={source['url'].removeprefix('http://')}" in SERVICES["prometheus"]["command"]
    config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    assert source["jsonData"]["timeInterval"] == config["global"]["scrape_interval"]
    [provider] = yaml.safe_load((provisioning / "dashboards/timewait.yml").read_text())["providers"]
    mounts = dict(volume.split(":")[:2][::-1] for volume in SERVICES["grafana"]["volumes"])
    mounted = COMPOSE.parent / mounts[provider["options"]["path"]]
    assert len(list(mounted.glob("*.json"))) == 3
    # Grafana takes every .json below the folder for a dashboard.
    assert {"title", "panels"} <= set.intersection(*(set(json.loads(path.read_text())) for path in mounted.rglob("*.json")))


def test_prometheus_and_alertmanager_run_as_compose_starts_them_and_know_the_exporter_and_its_rules(tmp_path, program):
    laid_out(tmp_path, DEPLOY / "prometheus/prometheus.yml")
    shutil.copy(DEPLOY / "prometheus/alertmanager.yml", tmp_path)
    (tmp_path / "data").mkdir()
    paths = {"/etc/prometheus/": f"{tmp_path}/", "/etc/alertmanager/": f"{tmp_path}/", "=/prometheus": f"={tmp_path}/data"}

    def command(service):
        words = []
        for word in SERVICES[service]["command"]:
            for inside, here in (paths | {"=/alertmanager": f"={tmp_path}/data/am"}).items():
                word = word.replace(inside, here)
            words.append(word)
        return words

    exporter = [program, *SERVICES["exporter"]["command"]]
    prometheus = ["prometheus", *command("prometheus")]
    alertmanager = ["prometheus-alertmanager", *command("alertmanager")]
    with (
        running(exporter, tmp_path / "exporter.log"),
        running(alertmanager, tmp_path / "alertmanager.log"),
        running(prometheus, tmp_path / "prometheus.log"),
    ):
        server = Prometheus(9090)

        def asked(path):
            try:
                return get(f"{server.url}/api/v1/{path}")["data"]
            except OSError:
                return None

        poll("the exporter is scraped", lambda: [
            target["health"] for target in (asked("targets") or {"activeTargets": []})["activeTargets"]
        ] == ["up"], seconds=40)  # fmt: skip
        rules = [rule for group in asked("rules")["groups"] for rule in group["rules"]]
        assert len(rules) == sum(RULES)
        poll("all rules work", lambda: {
            rule["health"] for group in asked("rules")["groups"] for rule in group["rules"]
        } == {"ok"}, seconds=40)  # fmt: skip
        poll("Alertmanager is known", lambda: asked("alertmanagers")["activeAlertmanagers"], seconds=20)
        addresses = {line.split()[3] for line in run("ss", "-Htln").splitlines()}
        assert addresses == {"127.0.0.1:10057", "127.0.0.1:9090", "127.0.0.1:9093"}
        healthcheck = SERVICES["exporter"]["healthcheck"]["test"]
        run(program, *healthcheck[2:])


def test_the_fleets_prometheus_finds_hosts_by_files_and_sends_what_the_far_side_needs_and_no_more(tmp_path, program):
    config = yaml.safe_load(laid_out(tmp_path, DEPLOY / "fleet/prometheus-file-sd.yml").read_text())
    [job], [remote] = config["scrape_configs"], config["remote_write"]
    # Neither names nor certificates nor Mimir are here; what is tried is the rest: a real receiver
    # of the same protocol.
    del job["tls_config"], job["basic_auth"], remote["basic_auth"]
    job["scheme"] = "http"
    remote["url"] = "http://127.0.0.1:19091/api/v1/write"
    config["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s"}
    target = [{"targets": ["127.0.0.1:10057"], "labels": {"tier": "web"}}]
    (tmp_path / "targets/example.yml").write_text(yaml.safe_dump(target))
    near, far = tmp_path / "near", tmp_path / "far"
    for folder in ("timewait", "targets"):
        near.mkdir(exist_ok=True)
        shutil.copytree(tmp_path / folder, near / folder)
    with (
        running([program, "--web.listen-address=127.0.0.1:10057"], tmp_path / "exporter.log"),
        Prometheus.started("", far, "--web.enable-remote-write-receiver", port=19091) as receiver,
        Prometheus.started(yaml.safe_dump(config), near),
        socket.create_server(("127.0.0.1", 8080)),
    ):

        def series():
            return get(f"{receiver.url}/api/v1/series?match[]=%7B__name__!=%22%22%7D")["data"]

        poll("the rules' series arrive", lambda: {"instance:timewait_sockets:sum"} <= {one["__name__"] for one in series()})
        arrived = series()
        [sockets] = [one for one in arrived if one["__name__"] == "instance:timewait_sockets:sum"]
        assert (sockets["cluster"], sockets["instance"], sockets["tier"]) == ("west", "127.0.0.1", "web")
        assert len(arrived) < 30
        page = run("curl", "-s", "http://127.0.0.1:10057/metrics")
        assert len([line for line in page.splitlines() if not line.startswith("#")]) < job["sample_limit"]


def test_a_host_has_as_many_series_as_the_page_on_fleets_says(program, tmp_path):
    def series(listeners):
        sockets = [socket.create_server(("127.0.0.1", 8100 + number)) for number in range(listeners)]
        with running([program, "--web.listen-address=127.0.0.1:10057"], tmp_path / "exporter.log"):
            # The first sample is waited for.
            page = poll("it answers", lambda: try_curl("http://127.0.0.1:10057/metrics"))
        for one in sockets:
            one.close()
        return len([line for line in page.splitlines() if not line.startswith("#")])

    told = (ROOT / "docs/fleet.md").read_text()
    base, each = map(int, re.search(r"about (\d+) series, and (\d+) more for each LISTEN port", told).groups())
    # The exporter's own port is one, and some families come only with what they tell of.
    one, eleven = series(0), series(10)
    assert eleven - one == 10 * each
    assert abs(one - (base + each)) <= 10
    for ports, total in re.findall(r"(?m)^\| (\d+)(?: or more)? \| ([\d,]+) \|", told):
        assert int(total.replace(",", "")) == base + each * int(ports)
