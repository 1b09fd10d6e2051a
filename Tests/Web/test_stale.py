"""A page that is older than it may be is no longer served: `up` turns 0."""

import time

from exporter import Exporter, poll
from manager import blocking_procfs, open_up

SAMPLED = 'timewait_sampler_last_success_timestamp_seconds{collector="sockstat"}'


def test_a_page_that_no_reading_renews_is_served_for_ninety_seconds(tmp_path):
    folder = blocking_procfs(tmp_path, "sockstat")
    pipe = folder / "net" / "sockstat"
    open_up(folder, "sockstat")
    with Exporter.started(tmp_path, f"--path.procfs={folder}") as exporter:
        assert exporter.get().status == 200
        assert exporter.get("/-/ready").status == 200
        assert exporter.get("/-/healthy").status == 200
        # The next reading finds a pipe, and hangs.
        pipe.unlink()
        pipe.with_suffix(".old").rename(pipe)
        time.sleep(2)
        sampled = exporter.metric(SAMPLED)
        while exporter.get().status == 200:
            assert time.time() - sampled < 93
            assert exporter.metric(SAMPLED) in (sampled, None)
            time.sleep(0.5)
        assert time.time() - sampled > 89
        for path in ("/metrics", "/-/ready", "/-/healthy"):
            answer = exporter.get(path)
            assert answer.status == 503
            assert answer.text.count("\n") == 1
        open_up(folder, "sockstat")
        poll("it is served again", lambda: exporter.get().status == 200)
        assert exporter.get("/-/healthy").status == 200
        # The reading that hung found nothing; the next one does.
        poll("it is renewed", lambda: exporter.metric(SAMPLED) > sampled)
