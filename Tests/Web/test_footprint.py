"""The exporter does not make what it measures: a Prometheus that scrapes leaves no TIME_WAIT on the
exporter's port."""

from exporter import Exporter, poll
from prometheus import Prometheus
from sockets import at, own

CONFIG = """
global: {{ scrape_interval: 100ms, scrape_timeout: 100ms }}
scrape_configs:
  - job_name: timewait
    static_configs: [{{ targets: ["127.0.0.1:{port}"] }}]
"""


def test_a_hundred_scrapes_leave_no_TIME_WAIT(tmp_path):
    with Exporter.started(tmp_path, "--log.level=debug") as exporter:
        # Tests before this one may have left some between other sockets at the same port.
        before = at(exporter.port, "time-wait")

        def left():
            return at(exporter.port, "time-wait") - before

        def scraped():
            return len(exporter.lines("msg=Request", "status=200"))

        with Prometheus.started(CONFIG.format(port=exporter.port), tmp_path / "prometheus"):
            poll("a hundred scrapes", lambda: scraped() >= 100, 40)
            assert left() == set()
            assert len(own(exporter.port, at(exporter.port, "established"))) == 1
        # Who closes first is left with it: that is Prometheus, once.
        poll("its connection is closed", lambda: at(exporter.port, "established") == set())
        assert own(exporter.port, left()) == set()
        assert len(left()) <= 1
        assert scraped() == len(exporter.lines("msg=Request"))
