"""The page of the real exporter on hosts with real sockets."""

import time

import pytest

import browser
import looks
import scenes
from exporter import poll


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    with scenes.healthy(tmp_path_factory.mktemp("healthy")) as (scene, url):
        time.sleep(6)
        with browser.inside(scene.process.pid) as chromium:
            yield scene, url, chromium


@pytest.fixture(scope="module")
def troubled(tmp_path_factory):
    with scenes.troubled(tmp_path_factory.mktemp("troubled")) as (scene, url), browser.inside(scene.process.pid) as chromium:
        scenes.leak(scene, 200)

        def is_told():
            chromium.open(url + "/", 1440, "light")
            ids = chromium.run("[...document.querySelectorAll('article')].map(finding => finding.id).join()")
            return all(name in ids for name in ["service_port_taken-50051", "destination_exhausting", "listener_exposed"])

        poll("the page tells what is wrong", is_told, 90)
        yield scene, url, chromium


def test_a_healthy_host_has_a_page_without_a_fault(healthy):
    _, url, chromium = healthy
    assert looks.faults(chromium, url + "/") == []
    assert chromium.run("document.title").startswith("Nothing found")


def test_a_troubled_host_has_a_page_without_a_fault(troubled):
    _, url, chromium = troubled
    assert looks.faults(chromium, url + "/") == []


def test_the_page_names_the_holder_of_a_service_port(troubled):
    _, url, chromium = troubled
    chromium.open(url + "/", 1440, "light")
    told = chromium.run("document.getElementById('service_port_taken-50051').innerText")
    assert "10.0.0.5:50051 -> 10.0.0.9:443 ESTABLISHED" in told
    assert "backup" in told


def test_a_mark_of_the_map_leads_to_its_row(troubled):
    _, url, chromium = troubled
    chromium.open(url + "/", 1440, "light")
    chromium.run("document.querySelector('.map a[href$=p50051]').dispatchEvent(new MouseEvent('click', {bubbles: true}))")
    assert chromium.run("document.querySelector('tr:target').innerText").startswith("50051")


def test_the_keyboard_reaches_every_link_and_every_block_of_commands(troubled):
    _, url, chromium = troubled
    chromium.open(url + "/", 1440, "light")
    wanted = chromium.run("document.querySelectorAll('a[href], pre[tabindex], summary').length")
    seen = set()
    for _ in range(wanted + 10):
        for kind in ("keyDown", "keyUp"):
            chromium.ask("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        seen.add(chromium.run("[...document.querySelectorAll('*')].indexOf(document.activeElement)"))
    # Folded blocks cannot be reached; all that is to be seen can.
    hidden = chromium.run("document.querySelectorAll('details:not([open]) > :not(summary) :is(a, pre[tabindex])').length")
    assert len(seen) >= wanted - hidden


def test_the_numbers_are_those_of_the_metrics(healthy):
    scene, url, chromium = healthy

    def agree():
        chromium.open(url + "/", 1440, "light")
        shown = chromium.run("document.querySelector('.value').innerText")
        _, metrics = scene.do("result = get(10057, '/metrics')")
        lines = [line for line in metrics.splitlines() if line.startswith("timewait_table_sockets{")]
        total = sum(float(line.split()[-1]) for line in lines if 'state="time_wait"' in line)
        return lines and shown == f"{total:,.0f}"

    poll("a page and metrics of the same sample agree", agree, 30)
