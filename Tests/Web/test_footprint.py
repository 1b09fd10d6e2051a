"""The exporter does not make what it measures: a Prometheus that scrapes leaves no TIME_WAIT on the exporter's port."""

from exporter import Exporter, poll
from prometheus import Prometheus
from sockets import count

CONFIG = """
global: {{ scrape_interval: 100ms, scrape_timeout: 100ms }}
scrape_configs:
  - job_name: timewait
    static_configs: [{{ targets: ["127.0.0.1:{port}"] }}]
"""


def test_a_hundred_scrapes_leave_no_TIME_WAIT(tmp_path):
    with Exporter.started(tmp_path, "--log.level=debug") as exporter:
        at_its_port = f"sport = :{exporter.port}"
        anywhere = f"{at_its_port} or dport = :{exporter.port}"

        def scraped():
            return len(exporter.lines("msg=Request", "status=200"))

        with Prometheus.started(CONFIG.format(port=exporter.port), tmp_path / "prometheus"):
            poll("a hundred scrapes", lambda: scraped() >= 100, 40)
            assert count("time-wait", anywhere) == 0
            assert count("established", at_its_port) == 1
        # Who closes first is left with it: that is Prometheus, once.
        poll("its connection is closed", lambda: count("established", anywhere) == 0)
        assert count("time-wait", at_its_port) == 0
        assert count("time-wait", anywhere) <= 1
        assert scraped() == len(exporter.lines("msg=Request"))
