"""The landing page is made when somebody asks for it, and no scrape waits for that."""

import signal
import threading
import time

import pytest

import passwords
from certificates import client_context, tls_section
from client import request
from exporter import Exporter, poll
from manager import blocking_procfs, open_up

HTML = "text/html; charset=utf-8"


def test_it_is_HTML_that_nobody_stores(plain):
    plain.get()
    answer = plain.get("/")
    assert answer.status == 200
    assert answer.header("Content-Type") == HTML
    assert answer.header("Cache-Control") == "no-store"
    assert answer.text.startswith("<!DOCTYPE html>")
    assert '<a href="/metrics">' in answer.text


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_HEAD_gives_its_length(plain, coding):
    with plain.client() as client:
        answer = client.ask("/", {"Accept-Encoding": coding})
        head = client.ask("/", {"Accept-Encoding": coding}, "HEAD")
        assert head.status == answer.status == 200
        assert head.header("Content-Length") == answer.header("Content-Length") == str(len(answer.body))
        assert head.header("Content-Encoding") == (None if coding == "identity" else "gzip")
        assert answer.content.decode().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("query", ["", "?", "?refresh=1", "?refresh=10", "?refresh=3600", "?utm_source=x&refresh=10"])
def test_it_may_be_asked_to_refresh_itself(plain, query):
    assert plain.get(f"/{query}").status == 200


@pytest.mark.parametrize(
    "value", ["", "0", "3601", "-1", "+1", "1.5", "10s", "ten", "<script>", "1&refresh=2", "1%00", "9" * 30]
)
def test_an_invalid_refresh_interval_is_refused_with_one_sentence(plain, value):
    answer = plain.get(f"/?refresh={value}")
    assert answer.status == 400
    assert answer.header("Content-Type") == "text/plain; charset=utf-8"
    assert answer.text == "refresh has to be one whole number from 1 to 3600.\n"


def test_it_waits_for_the_first_sample(tmp_path):
    folder = blocking_procfs(tmp_path, "tcp")
    with Exporter.started(tmp_path, f"--path.procfs={folder}") as exporter:
        try:
            begin = time.monotonic()
            answer = exporter.get("/")
            assert answer.status == 503
            assert int(answer.header("Retry-After")) > 0
            assert answer.text == "There is no sample yet; the first comes within seconds.\n"
            assert 1 < time.monotonic() - begin < 9
            clients = [exporter.client() for _ in range(20)]
            for client in clients:
                client.send(request("/"))
        finally:
            threading.Timer(0.5, open_up, (folder, "tcp")).start()
        for client in clients:
            assert client.answer().status == 200
            client.close()


def test_the_landing_page_needs_the_same_credentials_as_the_metrics(tmp_path, config, server, authority):
    text = tls_section(server) + passwords.section("cost4")
    with Exporter.started(tmp_path, config=config(text)) as exporter:
        tls = client_context(authority)
        for path in ("/", "/?refresh=0"):
            assert exporter.get(path, tls=tls).status == 401
            assert exporter.get(path, passwords.header("cost4", "wrong"), tls=tls).status == 401
        assert exporter.get("/", passwords.right("cost4"), tls=tls).status == 200


def test_many_who_ask_at_once_all_get_it(tmp_path):
    with Exporter.started(tmp_path, "--sampler.interval=1s") as exporter:
        exporter.get()
        for _ in range(5):
            clients = [exporter.client() for _ in range(100)]
            for client in clients:
                client.send(request("/"))
            assert exporter.get().status == 200
            for client in clients:
                assert client.answer().status == 200
                client.close()
            time.sleep(0.5)
        # One thread renders the pages and one reads for them, however many they were, beside the
        # six that are always there.
        assert exporter.threads() <= 8


def test_without_it_there_are_links_from_the_first_moment_on(tmp_path):
    folder = blocking_procfs(tmp_path, "tcp")
    flags = (f"--path.procfs={folder}", "--web.disable-landing-page", "--web.telemetry-path=/own/metrics")
    with Exporter.started(tmp_path, *flags) as exporter:
        try:
            for query in ("", "?refresh=10", "?refresh=ten"):
                answer = exporter.get(f"/{query}")
                assert answer.status == 200
                assert answer.header("Content-Type") == HTML
                assert '<a href="/own/metrics">' in answer.text
        finally:
            open_up(folder, "tcp")


def test_a_client_waiting_for_the_landing_page_does_not_delay_the_stop(tmp_path):
    folder = blocking_procfs(tmp_path, "tcp")
    with Exporter.started(tmp_path, f"--path.procfs={folder}") as exporter, exporter.client() as client:
        client.send(request("/"))
        time.sleep(0.3)
        begin = time.monotonic()
        exporter.signal(signal.SIGTERM)
        poll("it ends", lambda: exporter.process.poll() is not None)
        assert time.monotonic() - begin < 6
