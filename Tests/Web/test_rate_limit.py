"""rate_limit: a token bucket, which is asked before all else but the two paths of orchestrators."""

import math
import time

import pytest

import passwords
from exporter import Exporter


def limit(interval, burst):
    return f"rate_limit:\n  interval: {interval}\n  burst: {burst}\n"


def statuses(client, count, **options):
    return [client.ask(**options).status for _ in range(count)]


def test_over_the_burst_it_is_429_until_a_token_is_there_again(config, tmp_path):
    with Exporter.started(tmp_path, config=config(limit("1s", 3))) as exporter, exporter.client() as client:
        assert statuses(client, 6) == [200, 200, 200, 429, 429, 429]
        time.sleep(1.2)
        assert statuses(client, 2) == [200, 429]
        # However long nobody asks, no more than the burst is there.
        time.sleep(4.5)
        assert statuses(client, 5) == [200, 200, 200, 429, 429]


def test_it_counts_for_all_connections_and_paths_together(config, tmp_path):
    with Exporter.started(tmp_path, config=config(limit("1m", 3))) as exporter:
        answered = [
            exporter.get(path, source=f"127.0.0.{n + 2}").status for n, path in enumerate(["/", "/nothing", "/metrics"])
        ]
        assert answered == [200, 404, 200]
        assert exporter.get("/nothing", source="127.0.0.9").status == 429
        assert exporter.get(method="OPTIONS").status == 429


@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready"])
def test_it_does_not_count_what_orchestrators_ask(config, tmp_path, path):
    with Exporter.started(tmp_path, config=config(limit("1m", 2))) as exporter, exporter.client() as client:
        # Ready says yes with the first page only, and that takes a request of its own.
        assert statuses(client, 1) == [200]
        assert statuses(client, 50, path=path) == [200] * 50
        assert statuses(client, 2) == [200, 429]
        assert statuses(client, 50, path=path) == [200] * 50
        # Paths that only look like it are counted.
        assert statuses(client, 1, path=path + "/") == [429]
        assert statuses(client, 1, path="/" + path) == [429]


def test_Retry_After_is_the_time_until_the_next_token(config, tmp_path):
    with Exporter.started(tmp_path, config=config(limit("10s", 1))) as exporter, exporter.client() as client:
        begin = time.monotonic()
        assert statuses(client, 1) == [200]
        taken = time.monotonic()

        def told():
            before = time.monotonic()
            answer = client.ask()
            assert answer.status == 429
            seconds = int(answer.header("Retry-After"))
            # Rounded up, so that who waits as long is let in, and no more than that.
            assert math.ceil(begin + 10 - time.monotonic()) <= seconds <= math.ceil(taken + 10 - before)
            return seconds

        assert told() in (9, 10)
        time.sleep(3.3)
        assert told() in (6, 7)
        time.sleep(told())
        assert statuses(client, 1) == [200]


def test_Retry_After_is_a_second_at_least(config, tmp_path):
    with Exporter.started(tmp_path, config=config(limit("300ms", 1))) as exporter, exporter.client() as client:
        assert client.ask().status == 200
        answer = client.ask()
        assert answer.status == 429
        assert answer.header("Retry-After") == "1"


def test_the_connection_lives_on(config, tmp_path):
    with Exporter.started(tmp_path, config=config(limit("500ms", 1))) as exporter, exporter.client() as client:
        assert statuses(client, 2) == [200, 429]
        time.sleep(0.7)
        assert statuses(client, 1) == [200]


def test_with_a_burst_of_0_nothing_passes(config, tmp_path):
    with Exporter.started(tmp_path, config=config(limit('"1s"', 0))) as exporter, exporter.client() as client:
        for _ in range(2):
            answer = client.ask()
            assert answer.status == 429
            # Nobody has to come again.
            assert answer.header("Retry-After") is None
        time.sleep(1.2)
        assert statuses(client, 1) == [429]


@pytest.mark.parametrize("text", [limit("0", 0), limit("0s", 1), "rate_limit: {}\n", "rate_limit:\n  burst: 0\n"])
def test_without_an_interval_everything_passes(config, tmp_path, text):
    with Exporter.started(tmp_path, config=config(text)) as exporter, exporter.client() as client:
        assert statuses(client, 50) == [200] * 50


def test_a_rate_limited_request_costs_no_bcrypt(config, tmp_path):
    with (
        Exporter.started(tmp_path, config=config(limit("1m", 2) + passwords.section("alice"))) as exporter,
        exporter.client() as client,
    ):
        assert client.ask().status == 401
        assert client.ask(headers=passwords.right("alice")).status == 200
        begin = time.monotonic()
        assert statuses(client, 20, headers=passwords.header("alice", "wrong")) == [429] * 20
        assert statuses(client, 1, headers=passwords.right("alice")) == [429]
        # 21 of them would take more than a second.
        assert time.monotonic() - begin < 1


@pytest.mark.parametrize("interval", ["1h30m", "1.5h", "90m", "5400s", "5400000ms"])
def test_intervals_are_written_as_Go_writes_them(config, tmp_path, interval):
    with Exporter.started(tmp_path, config=config(limit(interval, 1))) as exporter, exporter.client() as client:
        assert statuses(client, 2) == [200, 429]
