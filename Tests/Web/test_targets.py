"""Targets and methods of a request: what is answered, redirected or refused."""

import contextlib

import pytest

from client import Closed, request
from exporter import Exporter

ALLOW = "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy", "/-/ready", "*"])
def test_OPTIONS_lists_the_allowed_methods(plain, path):
    """The plain check of HAProxy asks this, and takes anything but 2xx and 3xx for a failure."""
    with plain.client() as client:
        for _ in range(2):
            answer = client.ask(path, method="OPTIONS")
            assert answer.status == 200
            assert answer.header("Allow") == ALLOW
            assert answer.body == b""
            assert not answer.closes


def test_the_check_of_HAProxy_is_answered(plain):
    with plain.client() as client:
        client.send(b"OPTIONS / HTTP/1.0\r\n\r\n")
        assert client.answer().status == 200


def test_OPTIONS_of_nothing_is_404(plain):
    assert plain.get("/nothing", method="OPTIONS").status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "get", "X"])
@pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy"])
def test_other_methods_are_405_with_those_that_are_allowed(plain, method, path):
    answer = plain.get(path, method=method)
    assert answer.status == 405
    assert answer.header("Allow") == ALLOW


MOVED = {
    "//metrics": "/metrics",
    "/./metrics": "/metrics",
    "/x/../metrics": "/metrics",
    "/../../metrics": "/metrics",
    "///metrics": "/metrics",
    "/metrics/.": "/metrics",
    "//": "/",
    "/.": "/",
    "//-/healthy": "/-/healthy",
    "/-//ready": "/-/ready",
    "//metrics?collect[]=udp": "/metrics?collect%5B%5D=udp",
    "//metrics?a=%26&b=x%20y": "/metrics?a=%26&b=x%20y",
}


@pytest.mark.parametrize("target", MOVED)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_path_with_empty_or_dotted_parts_is_redirected_to_the_clean_one(plain, target, method):
    answer = plain.get(target, method=method)
    assert answer.status == 301
    assert answer.header("Location") == MOVED[target]
    assert plain.get(MOVED[target], method=method).status == 200


@pytest.mark.parametrize("target", ["//nothing", "/./nothing", "/metrics/", "//metrics/", "//localhost/metrics", "/METRICS"])
def test_an_unknown_path_is_404(plain, target):
    answer = plain.get(target)
    assert answer.status == 404
    assert answer.header("Location") is None


@pytest.mark.parametrize("target", ["//metrics?x=a%0d%0aX-Y:%20z", "//metrics?%0d%0a=x", "//metrics?\xe9=%e9"])
def test_nothing_of_a_query_comes_into_the_headers_of_a_redirect(plain, target):
    answer = plain.get(target)
    assert answer.status == 301
    assert answer.header("X-Y") is None
    assert answer.header("Location").startswith("/metrics?")
    assert answer.header("Location").isascii()


@pytest.mark.parametrize(
    "target",
    [
        *("http://localhost/metrics", "http://other:99/metrics", "HTTP://localhost/metrics", "https://localhost/metrics"),
        *("http://localhost/metrics?collect[]=udp", "http://[::1]:9/-/healthy", "http://localhost/", "http://localhost"),
    ],
)
def test_a_whole_URI_is_answered_as_its_path(plain, target):
    assert plain.get(target).status == 200


@pytest.mark.parametrize("target", ["http://localhost/nothing", "http://localhost/metrics/", "http:///nothing"])
def test_a_whole_URI_of_nothing_is_404(plain, target):
    assert plain.get(target).status == 404


@pytest.mark.parametrize("target", ["*", "metrics", "ftp://localhost/metrics", "localhost:80", "http:/metrics", "-", "?x"])
def test_a_target_that_is_neither_a_path_nor_a_URI_is_400(plain, target):
    assert plain.get(target).status == 400


def test_another_telemetry_path_has_its_own_redirects(tmp_path):
    with Exporter.started(tmp_path, "--web.telemetry-path=/a/b") as exporter:
        for target in ("/a//b", "//a/b", "/a/./b", "/a/c/../b"):
            answer = exporter.get(target)
            assert (answer.status, answer.header("Location")) == (301, "/a/b")
        assert exporter.get("/a/b").status == 200
        assert exporter.get("//metrics").status == 404


def test_a_request_without_a_version_has_no_page(plain):
    with plain.client() as client:
        client.send(request()[:12] + b"\r\n\r\n")
        with contextlib.suppress(Closed, ValueError):
            assert client.answer().status >= 400
