"""rate_limit: a token bucket, which is asked before all else."""

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
            exporter.get(path, source=f"127.0.0.{n + 2}").status for n, path in enumerate(["/", "/-/healthy", "/metrics"])
        ]
        assert answered == [200, 200, 200]
        assert exporter.get("/nothing", source="127.0.0.9").status == 429


def test_the_connection_lives_on(config, tmp_path):
    with Exporter.started(tmp_path, config=config(limit("500ms", 1))) as exporter, exporter.client() as client:
        assert statuses(client, 2) == [200, 429]
        time.sleep(0.7)
        assert statuses(client, 1) == [200]


def test_with_a_burst_of_0_nothing_passes(config, tmp_path):
    with Exporter.started(tmp_path, config=config(limit('"1s"', 0))) as exporter, exporter.client() as client:
        assert statuses(client, 2) == [429, 429]
        time.sleep(1.2)
        assert statuses(client, 1) == [429]


@pytest.mark.parametrize("text", [limit("0", 0), limit("0s", 1), "rate_limit: {}\n", "rate_limit:\n  burst: 0\n"])
def test_without_an_interval_everything_passes(config, tmp_path, text):
    with Exporter.started(tmp_path, config=config(text)) as exporter, exporter.client() as client:
        assert statuses(client, 50) == [200] * 50


def test_who_is_over_it_costs_no_bcrypt(config, tmp_path):
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
