"""A page as the parsers of Python's prometheus-client read it."""

import dataclasses

import prometheus_client.openmetrics.parser as openmetrics
import prometheus_client.parser as text

# What Prometheus 2.42 sends, and what a client sends that wants the older format.
ACCEPT_OPENMETRICS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
ACCEPT_TEXT = "text/plain;version=0.0.4"
TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
ACCEPT = {TEXT: ACCEPT_TEXT, OPENMETRICS: ACCEPT_OPENMETRICS}

SECTIONS = ["socket_table", "ephemeral_range", "udp", "sysctl", "sockstat", "netstat", "sampler", "exporter", "process"]


@dataclasses.dataclass
class Page:
    """families: name without _total to (type, help); samples: (name, labels) to value. Both in
    their order."""

    families: dict
    samples: dict

    @staticmethod
    def of(answer):
        """The page that an answer brings, in the format that it says; refuses what the format does
        not allow."""
        content = answer.content.decode()
        if answer.header("Content-Type") == OPENMETRICS:
            assert content.endswith("# EOF\n")
            assert content.count("# EOF") == 1
            found = openmetrics.text_string_to_metric_families(content)
        else:
            assert answer.header("Content-Type") == TEXT
            assert "# EOF" not in content
            found = text.text_string_to_metric_families(content)
        page = Page({}, {})
        for family in found:
            assert family.name not in page.families, f"{family.name} comes twice"
            page.families[family.name] = (family.type, family.documentation)
            for sample in family.samples:
                key = sample.name, frozenset(sample.labels.items())
                assert key not in page.samples, f"{key} comes twice"
                assert sample.timestamp is None
                page.samples[key] = sample.value
        return page

    @property
    def names(self):
        return list(self.families)

    @property
    def tick(self):
        """Tells pages of different seconds apart."""
        key = "timewait_sampler_last_success_timestamp_seconds", frozenset({("collector", "sockstat")})
        return self.samples[key]
