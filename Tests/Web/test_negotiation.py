"""Accept and Accept-Encoding are understood as RFC 9110 (12.5.1, 12.5.3) says."""

import pytest

from client import request
from page import OPENMETRICS, TEXT, Page

OPEN = "application/openmetrics-text"
PROMETHEUS_3 = (
    f"{OPEN};version=1.0.0;escaping=allow-utf-8;q=0.6,{OPEN};version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_WITH_PROTOBUF = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.8,"
    f"{OPEN};version=1.0.0;q=0.7,{OPEN};version=0.0.1;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"

ACCEPTS = {
    # Nothing said, or all the same.
    "": TEXT,
    "*/*": TEXT,
    "*/*;q=0.5": TEXT,
    BROWSER: TEXT,
    "text/html, */*;q=0.1": TEXT,
    # One of the two.
    "text/plain": TEXT,
    "text/plain;version=0.0.4": TEXT,
    "text/plain; version=0.0.4; charset=utf-8": TEXT,
    "text/*": TEXT,
    OPEN: OPENMETRICS,
    f"{OPEN};version=1.0.0": OPENMETRICS,
    f"{OPEN}; version=1.0.0; charset=utf-8": OPENMETRICS,
    f'{OPEN}; version="1.0.0"': OPENMETRICS,
    "application/*": OPENMETRICS,
    # Who is who.
    PROMETHEUS_3: OPENMETRICS,
    PROMETHEUS_WITH_PROTOBUF: OPENMETRICS,
    # Weights.
    f"{OPEN};q=0.9, text/plain;q=0.5": OPENMETRICS,
    f"text/plain;q=0.5, {OPEN};q=0.9": OPENMETRICS,
    f"{OPEN};q=0.5, text/plain;q=0.9": TEXT,
    f"{OPEN};q=0.001, text/plain;q=0": OPENMETRICS,
    f"{OPEN};q=0.999, text/plain;q=1.000": TEXT,
    f"{OPEN};q=0.12, text/plain;q=0.119": OPENMETRICS,
    f"{OPEN};version=1.0.0;q=0.2, text/plain;version=0.0.4;q=0.3": TEXT,
    "text/*;q=0.3, application/*;q=0.4": OPENMETRICS,
    # The more specific range decides, not the higher or the first.
    f"*/*, {OPEN};q=0.1": TEXT,
    f"*/*;q=0.1, {OPEN};q=0.05": TEXT,
    "*/*;q=0.8, text/plain;q=0.2": OPENMETRICS,
    "text/plain;q=0, */*": OPENMETRICS,
    f"text/*, text/plain;q=0.1, {OPEN};q=0.5": OPENMETRICS,
    f"{OPEN};q=0.1, {OPEN};version=1.0.0;q=0.9, text/plain;q=0.5": OPENMETRICS,
    # Refused.
    f"{OPEN};q=0, */*": TEXT,
    f"{OPEN};q=0.000, */*;q=0.1": TEXT,
    # Nothing fits: the older format, rather than no metrics.
    f"{OPEN};q=0": TEXT,
    "text/plain;q=0": TEXT,
    "text/html": TEXT,
    "image/*": TEXT,
    # Versions that are not there.
    f"{OPEN};version=0.0.1": TEXT,
    f"{OPEN};version=2.0.0": TEXT,
    f"{OPEN};version=1.0.00": TEXT,
    f"{OPEN};version=2.0.0, text/plain;version=0.0.4;q=0.1": TEXT,
    f"text/plain;version=1.0.0, {OPEN};q=0.1": OPENMETRICS,
    # Case, white space, parameters that are not ours, quoted strings.
    "Application/OpenMetrics-Text; Version=1.0.0; Q=0.9, text/plain;q=0.5": OPENMETRICS,
    f"{OPEN} ; version=1.0.0 ; q=0.9 \t, \t text/plain ; q=0.1": OPENMETRICS,
    f"{OPEN};version=1.0.0;escaping=underscores": OPENMETRICS,
    f'{OPEN};version=1.0.0;note="a, text/plain;q=1, b";q=0.9, text/plain;q=0.1': OPENMETRICS,
    f'{OPEN};note="a\\"b,c;q=0";version=1.0.0': OPENMETRICS,
    f", ,{OPEN}, ,": OPENMETRICS,
    # No media range at all.
    ",": TEXT,
    ";;;,,=;q=": TEXT,
    "text": TEXT,
    "/": TEXT,
    "openmetrics-text": TEXT,
    f"x{OPEN}": TEXT,
    f"{OPEN}x": TEXT,
    "*": TEXT,
    "*/plain": TEXT,
}


@pytest.mark.parametrize(("accept", "kind"), ACCEPTS.items())
def test_the_format_is_the_one_that_is_wanted_most(plain, accept, kind):
    answer = plain.get(headers={"Accept": accept})
    assert answer.status == 200
    assert answer.header("Content-Type") == kind
    Page.of(answer)


def test_without_Accept_it_is_the_text_format(plain):
    assert plain.get().header("Content-Type") == TEXT


@pytest.mark.parametrize("weight", ["q=2", "q=-1", "q=abc", "q=", "q", "q=0.1234", "q=1.001", "q=.5", "q=1e-3", 'q="1"'])
def test_an_invalid_weight_still_gets_a_page(plain, weight):
    answer = plain.get(headers={"Accept": f"{OPEN};{weight}, text/plain;{weight}"})
    assert answer.status == 200
    Page.of(answer)


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ([f"{OPEN};q=0.9", "text/plain;q=0.5"], OPENMETRICS),
        (["text/plain;q=0.5", f"{OPEN};q=0.9"], OPENMETRICS),
        ([f"{OPEN};q=0.5", "text/plain;q=0.9"], TEXT),
        (["text/plain;q=0.9", f"{OPEN};q=0.5"], TEXT),
        (["text/html", "image/png", OPEN], OPENMETRICS),
    ],
)
def test_several_lines_of_Accept_are_one_list(plain, lines, kind):
    with plain.client() as client:
        client.send(request()[:-2] + "".join(f"Accept: {line}\r\n" for line in lines).encode() + b"\r\n")
        assert client.answer().header("Content-Type") == kind


CODINGS = {
    "": None,
    "identity": None,
    "gzip": "gzip",
    "GZip": "gzip",
    "gzip, deflate, br, zstd": "gzip",
    "deflate, gzip;q=1.0, *;q=0.5": "gzip",
    "br;q=1.0, gzip;q=0.8, *;q=0.1": "gzip",
    "gzip;q=0.001": "gzip",
    " gzip ; q=1 ": "gzip",
    ", gzip": "gzip",
    "gzip;q=0.5, identity;q=0.2": "gzip",
    "*;q=0, gzip": "gzip",
    # Refused, or wanted less than nothing done.
    "gzip;q=0": None,
    "gzip;q=0.0": None,
    "gzip;q=0.000": None,
    "GZIP;Q=0": None,
    "gzip; q=0, deflate": None,
    "gzip;q=0, *": None,
    "*;q=0.5, gzip;q=0": None,
    "identity;q=1, gzip;q=0.5": None,
    "gzip;q=0.5, identity;q=0.6": None,
    # Others, and what only looks like gzip.
    "br": None,
    "deflate": None,
    "br, deflate, zstd": None,
    "gzipped": None,
    "notgzip": None,
    "gzip-": None,
    "x-compress": None,
    "br;x=gzip": None,
}


@pytest.mark.parametrize(("accepted", "coding"), CODINGS.items())
def test_the_page_is_compressed_where_that_is_wanted(plain, accepted, coding):
    answer = plain.get(headers={"Accept-Encoding": accepted})
    assert answer.status == 200
    assert answer.header("Content-Encoding") == coding
    assert Page.of(answer).names


def test_x_gzip_is_gzip(plain):
    answer = plain.get(headers={"Accept-Encoding": "x-gzip"})
    assert answer.body[:2] == b"\x1f\x8b"
    assert answer.header("Content-Encoding") in ("gzip", "x-gzip")


@pytest.mark.parametrize("accepted", ["*", "*;q=0.5", "*;q=0", "gzip;q=abc", "gzip;q=2", ";;,;q=", "identity;q=0"])
def test_what_leaves_it_to_the_server_gets_a_page_all_the_same(plain, accepted):
    answer = plain.get(headers={"Accept-Encoding": accepted})
    assert answer.status == 200
    assert Page.of(answer).names


@pytest.mark.parametrize(
    ("lines", "coding"),
    [(["br", "gzip"], "gzip"), (["gzip", "br"], "gzip"), (["gzip;q=0", "br"], None), (["br", "gzip;q=0"], None)],
)
def test_several_lines_of_Accept_Encoding_are_one_list(plain, lines, coding):
    with plain.client() as client:
        client.send(request()[:-2] + "".join(f"Accept-Encoding: {line}\r\n" for line in lines).encode() + b"\r\n")
        assert client.answer().header("Content-Encoding") == coding


def test_what_is_no_page_of_metrics_is_not_compressed_behind_the_back_of_its_length(plain):
    for path in ("/", "/-/healthy", "/nothing"):
        answer = plain.get(path, {"Accept-Encoding": "gzip", "Accept": OPEN})
        assert int(answer.header("Content-Length")) == len(answer.body)
        assert answer.header("Content-Type").startswith("text/")
        assert answer.content.decode()
