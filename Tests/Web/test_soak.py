"""An exporter under everything at once, for SOAK_SECONDS: what it holds stays the same, no counter
falls, and at the end the counters are exact. "make soak" takes half an hour, CI two minutes."""

import os
import pathlib
import time

import pytest

from deeds import SERVICES, Churn, Deeds, Ranges, Scraper, Visitors, Watch, WebConfiguration
from exporter import Exporter, mebibytes, poll

pytestmark = pytest.mark.waits

SECONDS = float(os.environ.get("SOAK_SECONDS", "110"))
SEED = int(os.environ.get("SEED", time.time_ns() % 1_000_000))
READ = "timewait_sampler_last_success_timestamp_seconds", frozenset({("collector", "socket_table")})


def sample(page, name, **labels):
    return page.samples.get((name, frozenset((key, str(value)) for key, value in labels.items())), 0)


def test_what_it_holds_stays_the_same_and_its_counters_are_exact(tmp_path, config, authority):
    print(f"SEED={SEED}")
    sysctls = pathlib.Path("/proc/sys/net/ipv4")
    # A TIME_WAIT that is taken over between two readings is seen by none.
    (sysctls / "tcp_tw_reuse").write_text("0")
    identities = [authority.issue("localhost", "DNS:localhost", "IP:127.0.0.1") for _ in range(2)]
    web, ranges, churn = WebConfiguration(config, identities), Ranges(), Churn(SEED)
    ranges()
    flags = ["--sampler.interval=1s", "--services.ports=" + ",".join(map(str, SERVICES))]
    with Exporter.started(tmp_path, *flags, config=web.path) as exporter:
        first = Scraper(exporter, authority, SEED)
        begin = first.page()
        changes_before = sample(begin, "timewait_sysctl_changes_total", sysctl="ip_local_port_range")
        assert sample(begin, "timewait_port_entries_total", port=8001, role="client", peer="local") == 0
        ranges_before = ranges.changes
        watch = Watch(exporter)
        scrapers = [first, *(Scraper(exporter, authority, SEED + number) for number in (1, 2))]
        deeds = Deeds()
        deeds.repeat(watch, 1)
        for scraper in scrapers:
            deeds.repeat(scraper, 0.5)
        deeds.repeat(churn, 0.2)
        deeds.repeat(Visitors(SEED), 0.5)
        deeds.repeat(ranges, 4)
        deeds.repeat(web, 5)
        deeds.stopping.wait(SECONDS)
        deeds.stop()

        web.settle()
        stopped = time.time()
        poll("the table is read twice", lambda: first.page().samples[READ] > stopped + 2, 30)
        page = first.page()
        first.check(page)
        counted = {
            key: sample(page, "timewait_port_entries_total", port=key[0], role=key[1], peer="local") for key in churn.made
        }
        assert counted == churn.made
        changes = sample(page, "timewait_sysctl_changes_total", sysctl="ip_local_port_range") - changes_before
        assert changes == ranges.changes - ranges_before
        reloaded = "timewait_exporter_config_last_reload_successful"
        poll("the file is in force", lambda: sample(first.page(), reloaded) == 1)
        errors = [line for line in exporter.lines("level=ERROR") if "did not find expected node content" not in line]
        assert errors == []

        middle, end = watch.most(0.5, 0.75), watch.most(0.75, 1)
        pages = sum(scraper.pages for scraper in scrapers)
        print(
            f"{SECONDS:.0f} s: {sum(churn.made.values())} connections, {pages} pages, {changes:.0f} changes of the range; "
            f"third and last quarter: {middle[0] >> 10} and {end[0] >> 10} KiB, {middle[1]} and {end[1]} files, "
            f"{middle[2]} and {end[2]} threads"
        )
        assert end[0] <= middle[0] + mebibytes(1)
        # Connections of three scrapers that are about to end.
        assert end[1] <= middle[1] + 6
        # A thread that reads aside, or checks a password, may be there for a moment.
        assert end[2] <= middle[2] + 1
