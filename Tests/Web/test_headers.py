"""The headers of http_server_config stand on every answer of ours."""

import pytest

import passwords
from exporter import RELOAD_SECONDS, Exporter, poll

HEADERS = {
    "X-Frame-Options": "deny",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-XSS-Protection": "1",
    "Content-Security-Policy": "default-src 'self' *.test.example.net",
}


def section(headers):
    return "http_server_config:\n  headers:\n" + "".join(f'    {name}: "{value}"\n' for name, value in headers.items())


def has_all(answer, headers=HEADERS):
    assert {name: answer.header(name) for name in headers} == headers


@pytest.fixture(scope="module")
def exporter(tmp_path_factory):
    folder = tmp_path_factory.mktemp("headers")
    (folder / "web.yml").write_text(section(HEADERS) + passwords.section("bob"))
    with Exporter.started(folder, config=folder / "web.yml") as exporter:
        yield exporter


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/metrics", "GET", 200),
        ("/metrics", "HEAD", 200),
        ("/metrics?collect[]=udp", "GET", 200),
        ("/", "GET", 200),
        ("/-/healthy", "GET", 200),
        ("/nothing", "GET", 404),
        ("/metrics", "POST", 405),
        ("/metrics?collect[]=nosuch", "GET", 400),
    ],
)
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_they_are_on_each_kind_of_answer(exporter, path, method, status, coding):
    answer = exporter.get(path, {**passwords.right("bob"), "Accept-Encoding": coding}, method)
    assert answer.status == status
    has_all(answer)


def test_they_are_on_what_keeps_somebody_out(exporter):
    for headers in ({}, passwords.header("bob", "wrong"), passwords.header("nobody", "wrong")):
        answer = exporter.get(headers=headers)
        assert answer.status == 401
        has_all(answer)


def test_they_are_on_what_is_over_the_rate_limit(config, tmp_path):
    with Exporter.started(
        tmp_path, config=config(section(HEADERS) + "rate_limit: { interval: 1m, burst: 0 }\n")
    ) as exporter:
        answer = exporter.get()
        assert answer.status == 429
        has_all(answer)


def test_changed_ones_take_effect_together(config, tmp_path):
    with (
        Exporter.started(tmp_path, config=config(section({"X-Frame-Options": "deny"}))) as exporter,
        exporter.client() as client,
    ):

        def sent():
            answer = client.ask()
            return answer.header("X-Frame-Options"), answer.header("X-XSS-Protection")

        def becomes(old, new):
            def is_new():
                found = sent()
                # A mix of both would have been put in force piece by piece.
                assert found in (old, new)
                return found == new

            poll("the change of the file", is_new, RELOAD_SECONDS)

        first, second, none = ("deny", None), ("sameorigin", "0"), (None, None)
        assert sent() == first
        config(section({"X-Frame-Options": "sameorigin", "X-XSS-Protection": "0"}))
        becomes(first, second)
        config("# none\n")
        becomes(second, none)


def test_one_without_a_value_is_not_sent(config, tmp_path):
    with Exporter.started(
        tmp_path, config=config('http_server_config:\n  headers:\n    X-XSS-Protection: ""\n')
    ) as exporter:
        answer = exporter.get()
        assert answer.status == 200
        assert answer.header("X-XSS-Protection") in (None, "")
