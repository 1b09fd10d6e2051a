"""The DaemonSet's pod, as the chart renders it, run by podman."""

import contextlib
import pathlib
import re

import pytest
import yaml

import chart
from podman import Podman, serves
from project import poll, run
from tracing import PERFMON, TRACEFS


@pytest.fixture(scope="module")
def podman(tmp_path_factory):
    return Podman(tmp_path_factory.mktemp("podman"))


@contextlib.contextmanager
def running(podman, file, values):
    """The pod of the DaemonSet; gives the container's process."""
    template = chart.one("DaemonSet", {"image": {"repository": podman.image.rpartition(":")[0]}} | values)["spec"][
        "template"
    ]
    # podman 4.3 takes no ports together with the host's network, where they mean nothing but a name
    # for the probes.
    for container in template["spec"]["containers"]:
        del container["ports"]
        for probe in ("livenessProbe", "readinessProbe"):
            if "httpGet" in container.get(probe, {}):
                container[probe]["httpGet"]["port"] = 10057
    metadata = template["metadata"] | {"name": "timewait"}
    file.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}))
    podman.run("play", "kube", file)
    try:
        yield podman.run("inspect", "-f", "{{.State.Pid}}", "timewait-exporter").strip()
    finally:
        podman.run("play", "kube", "--down", file)


def test_the_pod_of_the_daemon_set_runs_and_serves_with_no_right_at_all(podman, tmp_path):
    with running(podman, tmp_path / "pod.yaml", {}) as process:
        text = serves()
        assert 'timewait_sampler_source_info{source="sock_diag"} 1' in text
        assert set(re.findall(r"(?m)^timewait_sampler_success\{.*\} (.*)$", text)) == {"1"}
        status = dict(re.findall(r"(?m)^(\w+):\s+(.*)$", pathlib.Path(f"/proc/{process}/status").read_text()))
        assert status["Uid"].split() == ["65534"] * 4
        assert [status[what] for what in ("CapPrm", "CapEff", "CapBnd", "CapAmb")] == ["0" * 16] * 4
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def test_with_who_the_pod_traces_with_one_capability_where_seccomp_lets_it(tmp_path_factory, tmp_path):
    if not pathlib.Path(TRACEFS, "events").exists():
        # In the mount namespace of the tests.
        run("mount", "-t", "tracefs", "tracefs", TRACEFS)
    # podman 4.3 has another profile for the pod than Kubernetes, and takes none from it.
    podman = Podman(tmp_path_factory.mktemp("open"), 'seccomp_profile = "unconfined"\n')
    with running(podman, tmp_path / "pod.yaml", {"who": {"enabled": True}}) as process:
        poll("it traces", lambda: 'timewait_sampler_success{collector="who"} 1' in serves())
        assert re.search(r"(?m)^timewait_who_events_total\{outcome=\"lost\"\} 0$", serves())
        status = dict(re.findall(r"(?m)^(\w+):\s+(.*)$", pathlib.Path(f"/proc/{process}/status").read_text()))
        assert status["Uid"].split() == ["0"] * 4
        assert [status[what] for what in ("CapPrm", "CapEff", "CapBnd", "CapAmb")] == [PERFMON] * 3 + ["0" * 16]
        assert status["NoNewPrivs"] == "1"


def test_it_needs_less_memory_than_the_chart_asks_for(podman, tmp_path):
    wanted = chart.one("DaemonSet", {})["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert wanted["requests"]["memory"] == "32Mi"
    with running(podman, tmp_path / "pod.yaml", {}):
        for _ in range(100):
            text = serves()
        resident = float(re.search(r"(?m)^process_resident_memory_bytes (.*)$", text)[1])
        assert resident < 32 * 2**20
