"""Machines that no real sockets could make: 2,000 listeners, a range of which every port is
held."""

import subprocess

import pytest

import looks
import site_of_pages
from exporter import ROOT

RENDERER = ROOT / ".build" / "debug" / "landing_renderer"


def render(*words):
    return subprocess.run([RENDERER, *(str(word) for word in words)], check=True, capture_output=True, timeout=120).stdout


@pytest.fixture(scope="module")
def policy():
    return render("policy").decode().strip()


def faults(chromium, policy, page, rules=None):
    with site_of_pages.serve({"/": page}, policy) as url:
        return looks.faults(chromium, url + "/", rules)


@pytest.mark.parametrize("pattern", ["empty", "random"])
@pytest.mark.parametrize("listeners", [0, 20, 2000])
def test_the_page_can_be_read_by_everybody(chromium, policy, listeners, pattern):
    assert faults(chromium, policy, render("synthetic", listeners, pattern)) == []


def test_the_page_before_the_first_reading_can_be_read(chromium, policy):
    assert faults(chromium, policy, render("unread")) == []


def test_the_page_that_loads_itself_anew_has_no_other_fault_than_that(chromium, policy):
    assert faults(chromium, policy, render("following"), {"meta-refresh": {"enabled": False}}) == []


def test_every_port_of_the_map_is_painted_where_it_should_be(chromium, policy):
    """The pixels of rows of which every second even port is ESTABLISHED."""
    with site_of_pages.serve({"/": render("synthetic", 0, "halves")}, policy) as url:
        chromium.open(url + "/", 1440, "light")
        # 500 columns get two pixels each, and a row gets nine, so that no pixel is shared.
        place = "position: fixed; z-index: 9; left: 0; top: 20px; width: 1000px"
        chromium.run(f"document.querySelector('.map').style.cssText = '{place}'")
        for row in (33, 40, 41, 59):
            # The middle of the upper half of a row.
            line = chromium.pixels(0, 20 + 9 * row + 2, 1000)
            # The lines of the grid lie over the ports.
            clear = [pixel for pixel in range(1000) if 2 <= pixel % 100 <= 97]
            established = {pixel for pixel in clear if line[pixel] == (0x34, 0x41, 0x9C)}
            assert established == {pixel for pixel in clear if (1000 * row + 2 * (pixel // 2)) % 4 == 0}, f"row {row}"


def test_the_policy_is_in_force(chromium, policy):
    """Chromium refuses a style that is not the one of the hash."""
    page = render("synthetic", 20, "empty").replace(b"</style>", b" </style>", 1)
    with site_of_pages.serve({"/": page}, policy) as url:
        _, complaints = chromium.open(url + "/", 1440, "light")
    assert any("Content Security Policy" in complaint for complaint in complaints)
