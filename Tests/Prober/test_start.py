"""What the prober says at its start of flags and files that are wrong, or that leave nothing to
probe."""

import json

import pytest

import servers as ways
from denied import denied
from prober import poll, refusal


@pytest.mark.parametrize(
    ("flag", "reason"),
    [
        ("--probe.listen=70000", "port 70000 is not 1 to 65535; expected one as 8080"),
        ("--probe.tcp=db.example:70000", "port 70000 is not 1 to 65535"),
        ("--web.listen-address=8080x", "10058"),
        ("--listeners.include=0-80", "port 0 is out of range"),
        ("--listeners.include=80-70", "character 1: the range 80-70 runs backwards"),
        ("--probe.interval=2h", "out of bounds, expected a duration from 100ms to 1h"),
        ("--probe.interval=5", "expected a duration from 100ms to 1h"),
        ("--probe.timeout=11m", "out of bounds, expected a duration from 10ms to 10m"),
    ],
)
def test_a_flag_that_is_wrong_is_refused_with_what_is_wrong(flag, reason):
    status, line = refusal(flag)
    assert status == 64
    assert reason in line
    assert "10057" not in line
    assert line.count("\n") == 1


@pytest.mark.parametrize("text", ["1h", "60m", "1m30s", "0.5s", "500ms"])
def test_a_duration_is_accepted_in_a_flag_and_in_the_file_alike(prober, text):
    prober(
        f"--probe.interval={text}",
        config={"modules": {"t": {"probe": "tcp", "interval": text}}},
    ).stop()


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "cannot read"), ("no certificate\n", "holds no certificate; expected certificates in PEM")],
)
def test_a_file_of_authorities_that_tls_cannot_use_is_refused_with_file_line_and_key(tmp_path, content, reason):
    authorities = tmp_path / "ca.pem"
    if content is not None:
        authorities.write_text(content)
    file = tmp_path / "prober.yml"
    file.write_text(json.dumps({"modules": {"h": {"probe": "http", "http": {"tls": {"ca_file": str(authorities)}}}}}))
    status, line = refusal(f"--config.file={file}")
    assert status == 1
    assert f"{file}:1: modules.h.http.tls.ca_file: " in line
    assert reason in line


def test_a_prober_without_a_target_warns_once(prober):
    running = prober()
    poll("the warning", lambda: "No target is probed on a schedule" in running.log())
    assert running.log().count("level=WARN") == 1


def test_targets_above_the_limit_are_named_once_with_the_flag(servers, prober):
    server = servers(ways.keep_alive)
    running = prober(
        "--targets.limit=2", "--listeners", *[f"--probe.tcp={server.place}"] * 1, "--probe.listen=1", "--probe.listen=2"
    )
    poll("the warning", lambda: "--targets.limit=2" in running.log())
    running.wait_for("timewait_probe_successes_total", server.place, lambda value: value >= 1)
    assert running.log().count("--targets.limit=2") == 1
    assert running.metrics()["timewait_prober_targets_left_out", ()] >= 1


@pytest.mark.parametrize("call", ["epoll_wait", "epoll_create1", "eventfd2"])
def test_a_system_call_that_is_denied_ends_the_start_with_a_line_that_names_it(call):
    command = denied(call)["wrapper"]
    status, line = refusal("--probe.tcp=127.0.0.1:9", "--web.listen-address=127.0.0.1:0", wrapper=command)
    assert status == 1
    assert line.startswith("timewait_prober: cannot start to probe: ") and line.count("\n") == 1
    assert f"{call.removesuffix('2')}: Operation not permitted" in line
