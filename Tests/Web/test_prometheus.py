"""A real Prometheus stores what the page says."""

import re

import pytest

import passwords
from certificates import tls_section
from exporter import Exporter, poll
from page import Page
from prometheus import Prometheus
from sockets import at, own

CONFIG = """
global: {{ scrape_interval: 500ms, scrape_timeout: 500ms }}
scrape_configs:
  - job_name: whole
    static_configs: [{{ targets: ["{0}"] }}]
  - job_name: part
    params: {{ "collect[]": [udp, sysctl] }}
    static_configs: [{{ targets: ["{0}"] }}]
  - job_name: rest
    params: {{ "exclude[]": [socket_table, exporter] }}
    static_configs: [{{ targets: ["{0}"] }}]
"""
OWN = re.compile("up|scrape_.*")  # What Prometheus itself says of a scrape.


def stored(prometheus, job):
    """The series of a job as (name, labels), like the samples of a page."""
    found = set()
    for labels, _ in prometheus.instant(f'{{job="{job}"}}'):
        name = labels.pop("__name__")
        del labels["job"], labels["instance"]
        if not OWN.fullmatch(name):
            found.add((name, frozenset(labels.items())))
    return found


@pytest.fixture(scope="module")
def prometheus(plain, tmp_path_factory):
    host, port = plain.address
    with Prometheus.started(CONFIG.format(f"{host}:{port}"), tmp_path_factory.mktemp("prometheus")) as server:
        yield server


@pytest.mark.parametrize(
    ("job", "path"),
    [
        ("whole", "/metrics"),
        ("part", "/metrics?collect[]=udp&collect[]=sysctl"),
        ("rest", "/metrics?exclude[]=socket_table&exclude[]=exporter"),
    ],
)
def test_it_stores_the_series_that_are_on_the_page(plain, prometheus, job, path):
    def same():
        page = set(Page.of(plain.get(path)).samples)
        return page and stored(prometheus, job) == page

    poll(f"{job} is stored", same, 20)
    assert {value for _, value in prometheus.instant(f'up{{job="{job}"}}')} == {1}


def test_it_was_given_OpenMetrics(prometheus):
    """In that format a counter's family has no _total, and Prometheus keeps the family's name."""
    poll("its metadata", lambda: prometheus.instant('up{job="whole"}'))
    told = prometheus._ask("targets/metadata", match_target='{job="whole"}')
    families = {one["metric"]: one["type"] for one in told}
    assert families["timewait_exporter_http_requests"] == "counter"
    assert families["timewait_sockets"] == "gauge"
    assert "timewait_exporter_http_requests_total" not in families


SECURE = """
global: {{ scrape_interval: 500ms, scrape_timeout: 500ms }}
scrape_configs:
  - job_name: secure
    scheme: https
    basic_auth: {{ username: alice, password: "{password}" }}
    tls_config: {{ ca_file: {ca}, cert_file: {certificate}, key_file: {key}, server_name: localhost }}
    static_configs: [{{ targets: ["{target}"] }}]
"""


def test_it_scrapes_over_TLS_with_a_password_and_a_certificate_on_one_connection(authority, server, config, tmp_path):
    client = authority.issue("prometheus", "DNS:prometheus.example")
    text = tls_section(
        server,
        client_auth_type="RequireAndVerifyClientCert",
        client_ca_file=authority.certificate,
        client_allowed_sans=["prometheus.example"],
    )
    with Exporter.started(tmp_path, config=config(text + passwords.section("alice"))) as exporter:
        scrape = SECURE.format(
            password=passwords.PASSWORDS["alice"],
            ca=authority.certificate,
            certificate=client.certificate,
            key=client.key,
            target=f"127.0.0.1:{exporter.port}",
        )
        before = at(exporter.port, "time-wait")
        with Prometheus.started(scrape, tmp_path / "prometheus", port=19091) as prometheus:

            def scrapes():
                found = prometheus.instant('timewait_exporter_http_requests_total{job="secure", code="200"}')
                return found[0][1] if found else 0

            def connections():
                return own(exporter.port, at(exporter.port, "established"))

            first = poll("it is scraped", scrapes, 20)
            kept = connections()
            assert len(kept) == 1
            poll("it is scraped further", lambda: scrapes() >= first + 6, 20)
            # All of them on the connection that is still there.
            assert connections() == kept
            assert own(exporter.port, at(exporter.port, "time-wait") - before) == set()
            assert {value for _, value in prometheus.instant('up{job="secure"}')} == {1}
