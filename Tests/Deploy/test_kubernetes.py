"""The Helm chart and the kustomize base: by Helm, by kubectl, by the schemas of Kubernetes and of
the operator."""

import copy
import json
import subprocess
import sys

import jsonschema
import kubernetes_validate
import pytest
import yaml
from cloudcoil.models.prometheus_operator import v1 as operator
from helm_python import HelmError

import chart
from project import DEPLOY, ROOT, run, version

KUSTOMIZE = DEPLOY / "kustomize"
DASHBOARDS = ROOT / "dashboards"
OF_THE_OPERATOR = "monitoring.coreos.com/v1"
# The oldest and the newest that kubernetes-validate knows.
KUBERNETES = ("1.25", kubernetes_validate.latest_version())

every_example = pytest.mark.parametrize("values", chart.VALUES.values(), ids=chart.VALUES)


def kustomized(folder):
    return [thing for thing in yaml.safe_load_all(run("kubectl", "kustomize", KUSTOMIZE / folder)) if thing]


def strict(schema):
    """A schema that takes no key that it does not name."""
    if isinstance(schema, dict):
        if "properties" in schema:
            schema["additionalProperties"] = False
        # Python wants a pattern's flags before all else.
        if str(schema.get("pattern", "")).startswith("^(?i)"):
            schema["pattern"] = "(?i)^" + schema["pattern"].removeprefix("^(?i)")
        for part in schema.values():
            strict(part)
    elif isinstance(schema, list):
        for part in schema:
            strict(part)
    return schema


def check(thing):
    """Raises where Kubernetes, or the operator, would not take an object as it is meant."""
    if thing["apiVersion"] == OF_THE_OPERATOR:
        jsonschema.validate(thing, strict(getattr(operator, thing["kind"]).model_json_schema(by_alias=True)))
    else:
        for wanted in KUBERNETES:
            kubernetes_validate.validate(thing, wanted, strict=True)


@every_example
def test_helm_lint_finds_nothing(values):
    assert chart.lint(values) == []


@every_example
def test_every_key_of_the_rendered_chart_is_valid(values):
    things = chart.objects(values)
    assert "DaemonSet" in {thing["kind"] for thing in things}
    for thing in things:
        check(thing)


@pytest.mark.parametrize("folder", ["base", "operator"])
def test_every_key_of_the_kustomize_output_is_valid(folder):
    for thing in kustomized(folder):
        check(thing)


def test_the_schemas_find_a_misspelt_key_of_either_kind():
    pod = chart.one("DaemonSet", {})
    pod["spec"]["template"]["spec"]["hostNetworks"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        check(pod)
    monitor = chart.one("PodMonitor", chart.VALUES["operator"])
    monitor["spec"]["podMetricsEndpoints"][0]["intervl"] = "5s"
    with pytest.raises(jsonschema.ValidationError):
        check(monitor)


@pytest.mark.parametrize(
    "values, named",
    [
        ({"prot": 9099}, "prot"),
        ({"port": "10057"}, "port"),
        ({"port": 70000}, "port"),
        ({"image": {"digest": "sha256:12"}}, "digest"),
        ({"podMonitor": {"enable": True}}, "enable"),
        ({"podMonitor": {"interval": "5 parsecs"}}, "interval"),
        ({"extraArgs": ["services.ports=80"]}, "extraArgs"),
        ({"resources": {"limits": {"memory": "much"}}}, "memory"),
        ({"serviceAccountName": "Two words"}, "serviceAccountName"),
        ({"podSecurityContext": "root"}, "podSecurityContext"),
        ({"securityContextConstraints": {"create": True}}, "create"),
        ({"who": {"enable": True}}, "enable"),
        ({"who": True}, "who"),
    ],
)
def test_values_that_are_wrong_are_refused_by_name(values, named):
    with pytest.raises(HelmError, match=named):
        chart.objects(values)


def test_both_monitors_at_once_are_refused():
    with pytest.raises(HelmError, match="one of the two"):
        chart.objects({"podMonitor": {"enabled": True}, "serviceMonitor": {"enabled": True}})


def test_every_value_of_the_example_with_everything_arrives_somewhere():
    def leaves(value):
        if isinstance(value, dict):
            return [leaf for part in value.values() for leaf in leaves(part)]
        if isinstance(value, list):
            return [leaf for part in value for leaf in leaves(part)]
        return [] if value is None or isinstance(value, bool) else [str(value)]

    text = "\n".join(chart.texts(chart.VALUES["everything"]).values())
    assert [leaf for leaf in leaves(chart.VALUES["everything"]) if leaf not in text and leaf != "node-timewait"] == []


@pytest.mark.parametrize("values", [{}, {"webConfig": {"secretName": "web"}}], ids=["plain", "with TLS"])
def test_the_daemon_set_has_the_nodes_network_and_nothing_else_of_it(values):
    pod = chart.one("DaemonSet", values)["spec"]["template"]["spec"]
    assert pod["hostNetwork"] is True
    assert pod["automountServiceAccountToken"] is False
    assert not pod.keys() & {"hostPID", "hostIPC", "serviceAccountName", "initContainers"}
    assert [volume for volume in pod.get("volumes", []) if volume.keys() != {"name", "secret"}] == []
    rights = pod["securityContext"]
    assert (rights["runAsNonRoot"], rights["runAsUser"], rights["runAsGroup"]) == (True, 65534, 65534)
    assert rights["seccompProfile"] == {"type": "RuntimeDefault"}
    [container] = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"].keys() == {"requests", "limits"}
    kinds = {thing["kind"] for thing in chart.objects(values)}
    assert not kinds & {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ServiceAccount"}


@pytest.mark.parametrize("values", [{}, {"webConfig": {"secretName": "web"}}], ids=["plain", "with TLS"])
def test_with_who_the_pod_is_root_with_one_capability_and_reads_tracefs_and_cgroups_of_the_node(values):
    values = values | {"who": {"enabled": True}}
    pod = chart.one("DaemonSet", values)["spec"]["template"]["spec"]
    assert (pod["hostNetwork"], pod["hostPID"], pod["automountServiceAccountToken"]) == (True, True, False)
    assert "hostIPC" not in pod
    [container] = pod["containers"]
    assert "--who" in container["args"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": False,
        "runAsUser": 0,
        "runAsGroup": 0,
        "capabilities": {"drop": ["ALL"], "add": ["PERFMON"]},
    }
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    folders = {volume["name"]: volume["hostPath"]["path"] for volume in pod["volumes"] if "hostPath" in volume}
    assert folders == {"tracefs": "/sys/kernel/tracing", "cgroups": "/sys/fs/cgroup"}
    assert mounts.keys() == {volume["name"] for volume in pod["volumes"]}
    assert all(mount["readOnly"] for mount in mounts.values())
    notes = chart.texts(values)["NOTES.txt"]
    assert "no cluster has tried" in notes and "no capability" not in notes


def test_the_security_context_and_the_service_account_of_the_pod_are_values():
    def pod(values):
        return chart.one("DaemonSet", values)["spec"]["template"]["spec"]

    rights = pod({"podSecurityContext": {"runAsUser": 1000, "supplementalGroups": [7]}})["securityContext"]
    assert (rights["runAsUser"], rights["supplementalGroups"]) == (1000, [7])
    assert (rights["runAsNonRoot"], rights["fsGroup"]) == (True, 65534)
    assert "runAsUser" not in pod({"podSecurityContext": {"runAsUser": None}})["securityContext"]
    watcher = pod({"serviceAccountName": "watcher"})
    assert (watcher["serviceAccountName"], watcher["automountServiceAccountToken"]) == ("watcher", False)


def test_on_OpenShift_the_pod_asks_for_no_user_and_its_account_may_use_the_constraints():
    values = chart.VALUES["openshift"]
    pod = chart.one("DaemonSet", values)["spec"]["template"]["spec"]
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    binding = chart.one("RoleBinding", values)
    assert binding["roleRef"]["name"] == "system:openshift:scc:hostnetwork-v2"
    assert binding["metadata"]["namespace"] == "monitoring"
    account = {"kind": "ServiceAccount", "name": pod["serviceAccountName"], "namespace": "monitoring"}
    assert binding["subjects"] == [account]


def test_constraints_without_an_account_of_their_own_are_refused():
    with pytest.raises(HelmError, match="needs serviceAccountName"):
        chart.objects({"securityContextConstraints": {"name": "hostnetwork-v2"}})


def test_with_tls_the_program_probes_itself_and_without_it_the_kubelet_does():
    def container(values):
        return chart.one("DaemonSet", values)["spec"]["template"]["spec"]["containers"][0]

    secured = container({"webConfig": {"secretName": "web"}, "port": 9099})
    assert "--web.config.file=/etc/timewait_exporter/web.yml" in secured["args"]
    # The same flags as the exporter's, or it would ask somebody else.
    assert secured["livenessProbe"]["exec"]["command"][2:] == secured["args"]
    assert "readinessProbe" not in secured
    assert container({})["livenessProbe"]["httpGet"]["path"] == "/-/healthy"
    assert container({})["readinessProbe"]["httpGet"]["path"] == "/-/ready"


@pytest.mark.parametrize("kind", ["podMonitor", "serviceMonitor"])
def test_a_monitor_finds_the_pods_and_names_the_job_so_that_the_alerts_know_it(kind):
    values = {kind: {"enabled": True}}
    labels = chart.one("DaemonSet", values)["spec"]["template"]["metadata"]["labels"]
    monitor = chart.one(kind[0].upper() + kind[1:], values)["spec"]
    if kind == "serviceMonitor":
        service = chart.one("Service", values)
        assert service["spec"]["selector"].items() <= labels.items()
        labels = service["metadata"]["labels"]
    assert monitor["selector"]["matchLabels"].items() <= labels.items()
    assert "timewait" in labels[monitor["jobLabel"]]
    [endpoint] = monitor.get("podMetricsEndpoints") or monitor["endpoints"]
    assert endpoint["relabelings"][0] == {"sourceLabels": ["__meta_kubernetes_pod_node_name"], "targetLabel": "instance"}


def test_chart_kustomize_and_the_files_of_dashboards_say_the_same_rules_and_panels():
    values = {"prometheusRule": {"enabled": True}, "dashboards": {"enabled": True}}
    for name in ("rules", "alerts"):
        expected = yaml.safe_load((DASHBOARDS / f"timewait-{name}.yml").read_text())
        sources = [chart.objects(values), kustomized("operator")]
        for things in sources:
            [rule] = [
                thing
                for thing in things
                if thing["kind"] == "PrometheusRule" and thing["metadata"]["name"] == f"timewait-exporter-{name}"
            ]
            assert rule["spec"] == expected
    maps = [thing["data"] for thing in chart.objects(values) if thing["kind"] == "ConfigMap"]
    panels = {name: json.loads(text) for data in maps for name, text in data.items()}
    assert panels == {path.name: json.loads(path.read_text()) for path in DASHBOARDS.glob("*.json")}
    assert len(panels) == 3


def test_kustomize_builds_what_the_chart_renders():
    def without_owner(thing):
        thing = copy.deepcopy(thing)
        pod = thing["spec"].get("template", {"metadata": {"labels": {}}})
        for labels in (thing["metadata"]["labels"], pod["metadata"]["labels"]):
            labels.pop("app.kubernetes.io/managed-by", None)
            labels.pop("helm.sh/chart", None)
        return thing

    values = {"podMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}}
    rendered = [without_owner(thing) for thing in chart.objects(values, namespace="timewait-exporter")]
    built = [thing for thing in kustomized("operator") if thing["kind"] != "Namespace"]
    key = lambda thing: (thing["kind"], thing["metadata"]["name"])  # noqa: E731
    assert sorted(built, key=key) == sorted(rendered, key=key)


def test_the_files_of_kustomize_are_those_that_make_kustomize_writes(tmp_path):
    subprocess.run([sys.executable, KUSTOMIZE / "render", tmp_path], check=True, capture_output=True)
    written = {path.relative_to(tmp_path) for path in tmp_path.rglob("*.yaml")}
    assert len(written) == 3
    for path in written:
        assert (KUSTOMIZE / path).read_text() == (tmp_path / path).read_text()


def test_the_notes_say_the_port_what_the_namespace_must_admit_and_what_is_not_yet_done():
    notes = chart.texts({"port": 9099, "networkPolicy": {"enabled": True}})["NOTES.txt"]
    assert "https" not in notes and "curl http://localhost:9099/metrics" in notes
    assert "pod-security.kubernetes.io/enforce=privileged" in notes
    assert "Nothing scrapes it yet" in notes
    assert "Most network plugins apply no NetworkPolicy" in notes
    assert "curl https://" in chart.texts(chart.VALUES["tls"])["NOTES.txt"]


def test_the_chart_has_the_version_of_the_program():
    told = yaml.safe_load((chart.FOLDER / "Chart.yaml").read_text())
    assert (told["version"], str(told["appVersion"])) == (version(), version())
