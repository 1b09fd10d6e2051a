"""Both formats and both encodings of the page are one page."""

import re
import subprocess

import pytest

from exporter import poll
from page import ACCEPT, OPENMETRICS, TEXT, Page

VARIANTS = [(kind, coding) for kind in ACCEPT for coding in ("identity", "gzip")]


def fetch(exporter, kind, coding, path="/metrics", method="GET"):
    answer = exporter.get(path, {"Accept": ACCEPT[kind], "Accept-Encoding": coding}, method)
    assert answer.status == 200
    assert answer.header("Content-Type") == kind
    assert answer.header("Content-Encoding") == (None if coding == "identity" else coding)
    return answer


def test_the_two_formats_and_the_two_encodings_say_the_same(plain):
    def of_one_tick():
        pages = [Page.of(fetch(plain, *variant)) for variant in VARIANTS]
        return pages if len({page.tick for page in pages}) == 1 else None

    first, *others = poll("four pages within one tick", of_one_tick)
    assert len(first.families) > 40
    for other in others:
        assert other.names == first.names
        assert other.families == first.families
        assert other.samples == first.samples


def test_promtool_has_nothing_to_say_of_the_text(plain):
    page = fetch(plain, TEXT, "identity").text
    told = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True)
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


@pytest.mark.parametrize("kind", ACCEPT)
def test_curl_sees_the_same_compressed_and_not(plain, kind):
    def curl(*words):
        command = ["curl", "-sS", "--fail", "-H", f"Accept: {ACCEPT[kind]}", *words, plain.url()]
        return subprocess.run(command, check=True, capture_output=True).stdout

    # From one second to the next the page changes.
    poll("twice the same", lambda: curl() == curl("--compressed"))
    assert len(curl("-H", "Accept-Encoding: gzip")) < len(curl()) / 4


@pytest.mark.parametrize(("kind", "coding"), VARIANTS)
def test_HEAD_has_the_headers_of_GET_and_no_body(plain, kind, coding):
    def both():
        head, get = fetch(plain, kind, coding, method="HEAD"), fetch(plain, kind, coding)
        assert head.body == b""
        return head, get, [[pair for pair in answer.headers if pair[0] != "date"] for answer in (head, get)]

    # A page of another second can have another length.
    _, get, _ = poll("the same headers", lambda: (found := both())[2][0] == found[2][1] and found)
    assert int(get.header("Content-Length")) == len(get.body)


@pytest.mark.parametrize(("kind", "coding"), VARIANTS)
def test_the_Vary_header_names_what_the_page_varies_by(plain, kind, coding):
    vary = fetch(plain, kind, coding).header("Vary")
    assert set(re.split(r",\s*", vary.lower())) == {"accept", "accept-encoding"}


def test_an_answer_on_a_kept_connection_is_followed_by_the_next(plain):
    with plain.client() as client:
        for kind, coding in VARIANTS * 3:
            answer = client.ask(headers={"Accept": ACCEPT[kind], "Accept-Encoding": coding})
            assert answer.header("Content-Type") == kind
            assert "timewait_sockets" in answer.content.decode()
            assert not answer.closes


def test_a_client_of_HTTP_1_0_is_served_and_the_connection_ends(plain):
    with plain.client() as client:
        client.send(b"GET /metrics HTTP/1.0\r\n\r\n")
        answer = client.answer()
        assert answer.status == 200
        assert "timewait_sockets" in answer.text
        assert client.ends()


def test_OpenMetrics_ends_once(plain):
    content = fetch(plain, OPENMETRICS, "gzip").content
    assert content.endswith(b"\n# EOF\n")
    assert content.count(b"EOF") == 1
