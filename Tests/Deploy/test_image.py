"""The container image: what is in it, that it comes out the same each time, and that it runs with
nothing."""

import json
import os
import pathlib
import re
import signal
import socket
import tarfile
import time

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from podman import ARCHIVE, Podman, serves
from project import DEPLOY, ROOT, poll, run, version
from tracing import PERFMON, TRACEFS, rights_of_container

SBOM = ARCHIVE.parent / "timewait_exporter.cdx.json"


@pytest.fixture(scope="module")
def podman(tmp_path_factory):
    return Podman(tmp_path_factory.mktemp("podman"))


@pytest.fixture(scope="module")
def root(podman):
    """The folder of the image's files."""
    return pathlib.Path(podman.run("image", "mount", podman.image).strip())


def inspected():
    return json.loads(run("skopeo", "inspect", "--raw", "--config", f"docker-archive:{ARCHIVE}"))


def test_the_same_package_gives_the_same_image_to_the_last_byte():
    # make test-deploy has built both, because here is no network.
    again = ROOT / ".build/image-again"
    assert (ARCHIVE.parent / "digest").read_text() == (again / "digest").read_text()
    assert ARCHIVE.read_bytes() == (again / ARCHIVE.name).read_bytes()
    assert SBOM.read_bytes() == (again / SBOM.name).read_bytes()


def test_hadolint_has_nothing_to_say_about_the_containerfile():
    assert run("hadolint", DEPLOY / "container/Containerfile") == ""


def test_its_labels_say_what_it_is_and_it_runs_as_nobody():
    config = inspected()["config"]
    assert config["User"] == "65534:65534"
    assert config["Entrypoint"] == ["/usr/bin/timewait_exporter"]
    assert config["Healthcheck"]["Test"] == ["CMD", "/usr/bin/timewait_exporter", "--web.healthcheck"]
    labels = {name.removeprefix("org.opencontainers.image."): text for name, text in config["Labels"].items()}
    assert labels["version"] == version()
    assert labels["licenses"] == "Apache-2.0"
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", labels["revision"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", labels["created"])
    assert labels.keys() >= {"title", "description", "source", "documentation", "vendor"}


def test_it_holds_one_program_and_nothing_that_anybody_could_write_or_that_has_more_rights(root):
    programs = [
        path for path in root.rglob("*") if path.is_file() and ".so" not in path.name and path.stat().st_mode & 0o111
    ]
    assert programs == [root / "usr/bin/timewait_exporter"]
    for path in root.rglob("*"):
        status = path.lstat()
        assert (status.st_uid, status.st_gid) == (0, 0), path
        assert path.is_symlink() or not status.st_mode & 0o6022, path
    # 40 MiB is what docs/install.md promises at most.
    assert ARCHIVE.stat().st_size < 40 * 2**20


def test_the_list_of_what_is_in_it_is_valid_and_names_every_library_that_the_program_loads(root):
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(SBOM.read_text()) is None
    assert (root / "usr/share/sbom" / SBOM.name).read_bytes() == SBOM.read_bytes()
    told = {part["name"]: part["version"] for part in json.loads(SBOM.read_text())["components"]}
    # By the image's loader, and by the dpkg of a Debian of the same release.
    owners = owners_in_debian_13()
    loader = pathlib.Path("/") / next(root.glob("usr/lib*/ld-linux*")).relative_to(root)
    loaded = re.findall(r"=> (/\S+)", run("chroot", root, loader, "--list", "/usr/bin/timewait_exporter"))
    assert len(loaded) > 8
    for path in loaded:
        assert owners["/usr" + path.removeprefix("/usr")] in told, path
    for pin in json.loads((ROOT / ".build/deb/tree/Package.resolved").read_text())["pins"]:
        assert told[pin["identity"]] == pin["state"]["version"]
    # Whoever scans images reads the same from here.
    for path in (root / "var/lib/dpkg/status.d").iterdir():
        assert path.name in told or path.name == "prometheus-timewait-exporter"


def owners_in_debian_13():
    """{file: package} of the machine of Debian 13 that the tests boot."""
    owners = {}
    with tarfile.open(os.environ["TRIXIE"]) as tar:
        for member in tar:
            if found := re.fullmatch(r"\./var/lib/dpkg/info/([^:]*)(:.*)?\.list", member.name):
                owners |= dict.fromkeys(tar.extractfile(member).read().decode().splitlines(), found[1])
    return owners


def test_every_package_of_which_a_file_is_in_it_is_on_the_list(root):
    told = {part["name"] for part in json.loads(SBOM.read_text())["components"]}
    packages = {path.parent.name for path in root.rglob("copyright")} - {"prometheus-timewait-exporter"}
    assert len(packages) > 8
    assert packages <= told


def test_it_runs_read_only_as_nobody_without_capabilities_and_sees_the_sockets_of_its_network(podman):
    with podman.exporter() as name, socket.create_server(("127.0.0.1", 8080)):
        poll("the listener is seen", lambda: 'timewait_port_listeners{port="8080"} 1' in serves())
        text = serves()
        assert 'timewait_sampler_source_info{source="sock_diag"} 1' in text
        assert set(re.findall(r"(?m)^timewait_sampler_success\{.*\} (.*)$", text)) == {"1"}
        process = podman.run("inspect", "-f", "{{.State.Pid}}", name).strip()
        status = dict(re.findall(r"(?m)^(\w+):\s+(.*)$", pathlib.Path(f"/proc/{process}/status").read_text()))
        assert status["Uid"].split() == ["65534"] * 4
        assert [status[what] for what in ("CapPrm", "CapEff", "CapBnd", "CapAmb")] == ["0" * 16] * 4
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"
        mounts = pathlib.Path(f"/proc/{process}/mountinfo").read_text()
        assert re.search(r"(?m)^\S+ \S+ \S+ \S+ / ro,", mounts), "the root is read-only"


def test_with_who_it_names_programs_with_the_rights_that_the_document_gives_it(podman):
    if not pathlib.Path(TRACEFS, "events").exists():
        # In the mount namespace of the tests.
        run("mount", "-t", "tracefs", "tracefs", TRACEFS)
    with podman.exporter("--who", "--sampler.interval=1s", options=rights_of_container()) as name:
        # curl closes its connection first, whenever it asks for the page.
        named = r'(?m)^timewait_closes_total\{unit=".*",process="curl",role="client",peer="local"\} [1-9]'
        poll("curl is named", lambda: re.search(named, serves()))
        assert 'timewait_sampler_success{collector="who"} 1' in serves()
        process = podman.run("inspect", "-f", "{{.State.Pid}}", name).strip()
        status = dict(re.findall(r"(?m)^(\w+):\s+(.*)$", pathlib.Path(f"/proc/{process}/status").read_text()))
        assert [status[what] for what in ("CapPrm", "CapEff", "CapBnd")] == [PERFMON] * 3
        assert status["NoNewPrivs"] == "1"


def test_its_health_check_fails_where_nothing_answers(podman):
    with podman.exporter() as name:
        serves()
        podman.run("healthcheck", "run", name)
        process = int(podman.run("inspect", "-f", "{{.State.Pid}}", name))
        os.kill(process, signal.SIGSTOP)
        podman.run("healthcheck", "run", name, status=1)
        os.kill(process, signal.SIGCONT)
        podman.run("healthcheck", "run", name)


def test_podman_can_check_the_health_at_another_address(podman):
    address = "--web.listen-address=127.0.0.1:10058"
    check = json.dumps(["/usr/bin/timewait_exporter", "--web.healthcheck", address])
    with podman.exporter(address, options=["--health-cmd", check]) as name:
        serves(10058)
        podman.run("healthcheck", "run", name)
    with podman.exporter(address) as name:
        serves(10058)
        podman.run("healthcheck", "run", name, status=1)


def test_the_image_takes_flags_and_stops_at_once(podman):
    with podman.exporter("--web.listen-address=127.0.0.1:10058", "--log.format=json") as name:
        serves(10058)
        begin = time.monotonic()
        podman.run("stop", "-t", "8", name)
        assert time.monotonic() - begin < 6
        assert podman.run("inspect", "-f", "{{.State.ExitCode}}", name).strip() == "0"


def test_with_tls_it_serves_who_knows_the_authority_and_its_health_check_says_what_it_saw(podman, tmp_path):
    request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost"]
    run(
        "openssl",
        *request,
        "-addext",
        "subjectAltName=DNS:localhost",
        "-keyout",
        tmp_path / "key",
        "-out",
        tmp_path / "cert",
    )
    (tmp_path / "web.yml").write_text("tls_server_config: { cert_file: cert, key_file: key }\n")
    tmp_path.chmod(0o755)
    (tmp_path / "key").chmod(0o644)
    flag = "--web.config.file=/etc/timewait_exporter/web.yml"
    with podman.exporter(flag, options=["-v", f"{tmp_path}:/etc/timewait_exporter:ro"]) as name:
        ask = ["curl", "-s", "--fail", "--max-time", "5", "--retry", "9", "--retry-all-errors"]
        assert "timewait_exporter_build_info" in run(*ask, "--cacert", tmp_path / "cert", "https://localhost:10057/metrics")
        check = ["exec", name, "/usr/bin/timewait_exporter", "--web.healthcheck"]
        assert podman.run(*check, flag) == "healthy: :10057 answers\n"
        # Without the flag it cannot know that TLS is what is meant.
        podman.run(*check, status=1)
