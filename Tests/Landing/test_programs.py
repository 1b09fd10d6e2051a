"""The tables of programs, with real programs whose names are an attack."""

import contextlib
import json
import os

import pytest

import browser
import looks
from exporter import poll
from host import Host
from programs import answer, is_tracing, started
from tracepoint import obstacle

UNTRACED = obstacle()
# /proc/PID/comm has 15 bytes.
ATTACK = "<script>\"'&\x07\x1b<"
# A label holds no control characters.
SHOWN = "<script>\"'&??<"
ROWS = "[...document.querySelectorAll('table.%s tbody tr')].map(row => [...row.cells].map(cell => cell.innerText))"


@pytest.fixture
def host():
    host = Host({"ip_local_port_range": "40000 40199"})
    yield host
    host.end()


def test_closes_can_be_traced_where_everything_has_to_be_tried():
    assert os.environ.get("CI") != "true" or UNTRACED is None, UNTRACED


@pytest.mark.skipif(UNTRACED is not None, reason=str(UNTRACED))
def test_the_page_shows_programs_and_takes_no_markup_from_their_names(host, tmp_path):
    host.do("listener = listen('127.0.0.1', 9000)")
    with host.exporter(tmp_path, "--who") as exporter, browser.inside(host.process.pid) as chromium:
        is_tracing(exporter)
        with contextlib.ExitStack() as programs:
            closers = [programs.enter_context(started(host, "closer.py", name, count, 1000)) for name, count in
                       [(ATTACK, 60), ("node-probe", 30)]]  # fmt: skip
            assert [answer(closer)["closed"] for closer in closers] == [60, 30]
            greedy = programs.enter_context(started(host, "exhauster.py", ATTACK, "127.0.0.1", 9000, 4, "--reset"))
            assert answer(greedy)["failed"] == 4

            def rows(table):
                """By the name of the program; the exporter closes connections, too."""
                cells = json.loads(chromium.run(f"JSON.stringify({ROWS % table})"))
                return {row[0]: row[1:] for row in cells}

            def is_shown():
                chromium.open("http://127.0.0.1:10057/", 1440, "light")
                return {SHOWN, "node-probe"} <= rows("closers").keys() and SHOWN in rows("failures")

            poll("the page shows the programs", is_shown, 60)
            shown = rows("closers")
            assert [shown[name][1:3] for name in (SHOWN, "node-probe")] == [["60", "60"], ["30", "30"]]
            assert {name: row[1:] for name, row in rows("failures").items()} == {SHOWN: ["127.0.0.1:9000", "4", "4"]}
            assert chromium.run("document.querySelectorAll('script').length") == 0
            assert looks.faults(chromium, "http://127.0.0.1:10057/") == []


def test_the_page_says_that_nothing_is_traced_where_that_is_refused(host, tmp_path):
    (tmp_path / "format").write_text("nothing\n")
    with host.exporter(tmp_path, "--who", f"--who.format-file={tmp_path}/format"):
        _, page = host.do("result = get(10057, '/')")
        assert "TIME_WAITs by program" in page
        assert "--who is on, and nothing is traced" in page
