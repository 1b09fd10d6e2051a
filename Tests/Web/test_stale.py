"""A page that is older than it may be is no longer served: `up` turns 0, and the service manager
hears nothing."""

import contextlib
import subprocess
import time

import pytest

import passwords
from certificates import tls_section
from exporter import BINARY, Exporter, poll
from manager import Notifications, held

pytestmark = pytest.mark.waits

SAMPLED = 'timewait_sampler_last_success_timestamp_seconds{collector="sockstat"}'


def ask_health(exporter, config=None):
    command = [BINARY, "--web.healthcheck", "--web.listen-address={}:{}".format(*exporter.address)]
    if config:
        command.append(f"--web.config.file={config}")
    return subprocess.run(command, capture_output=True, timeout=20).returncode


@pytest.fixture(scope="module")
def seen(tmp_path_factory, server):
    """What an exporter answered and said whose reading hung until its page was too old, and then
    went on."""
    folder = tmp_path_factory.mktemp("stale")
    users, tls = folder / "users.yml", folder / "tls.yml"
    users.write_text(passwords.section(next(iter(passwords.HASHES))))
    tls.write_text(tls_section(server))
    seen = {}
    with Notifications(folder / "notify") as manager:
        env = {**manager.env, "WATCHDOG_USEC": "1000000"}
        with (
            Exporter.started(folder, config=users) as guarded,
            Exporter.started(folder, config=tls) as secure,
            Exporter.started(folder, env=env) as exporter,
            contextlib.ExitStack() as stack,
        ):
            assert exporter.get().status == 200
            assert exporter.get("/-/ready").status == 200
            assert ask_health(exporter) == ask_health(guarded, users) == ask_health(secure, tls) == 0
            assert not secure.lines("A TLS handshake failed")
            releases = [stack.enter_context(held(one.pid)) for one in (guarded, secure, exporter)]
            time.sleep(2)
            seen["sampled"] = exporter.metric(SAMPLED)
            seen["sampled meanwhile"] = set()
            while exporter.get().status == 200 and time.time() - seen["sampled"] < 100:
                seen["sampled meanwhile"].add(exporter.metric(SAMPLED))
                time.sleep(0.5)
            seen["too old"] = time.time()
            seen["answers"] = {path: exporter.get(path) for path in ("/metrics", "/-/ready", "/-/healthy")}
            seen["health"] = ask_health(exporter)
            time.sleep(12)
            seen["log while it hung"] = exporter.lines("No new sample")
            seen["health behind users"] = ask_health(guarded, users)
            seen["health over TLS"] = ask_health(secure, tls)
            seen["page behind users"] = guarded.get().status
            seen["watchdog"] = len(manager.times("WATCHDOG=1"))
            seen["watchdog said"] = time.time() - time.monotonic() + manager.times("WATCHDOG=1")[-1]
            for release in releases:
                release()
            poll("it is served again", lambda: exporter.get().status == 200)
            poll("it is renewed", lambda: exporter.metric(SAMPLED) > seen["sampled"])
            poll("WATCHDOG is said again", lambda: len(manager.times("WATCHDOG=1")) > seen["watchdog"])
            poll("it is logged", lambda: exporter.lines("New samples are available again"))
    return seen


def test_a_page_that_no_reading_renews_is_served_for_ninety_seconds(seen):
    assert 89 < seen["too old"] - seen["sampled"] < 93
    assert seen["sampled meanwhile"] - {None} == {seen["sampled"]}
    for path in ("/metrics", "/-/ready"):
        assert seen["answers"][path].status == 503
        assert seen["answers"][path].text.count("\n") == 1


def test_the_watchdog_is_fed_as_long(seen):
    assert 85 < seen["watchdog said"] - seen["sampled"] < 93


def test_the_log_says_what_hangs(seen):
    (line,) = seen["log while it hung"]
    assert 'work="reading the kernel\'s tables"' in line


def test_it_is_not_healthy_then(seen):
    assert seen["answers"]["/-/healthy"].status == 503
    assert seen["health"] == 1


def test_users_and_TLS_do_not_hide_that(seen):
    assert seen["health behind users"] == 1
    assert seen["health over TLS"] == 1
    assert seen["page behind users"] == 401
