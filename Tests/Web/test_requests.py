"""Each request is counted, and logged at debug."""

import base64
import re

import pytest

import passwords
from exporter import Exporter, poll

COUNT = 'timewait_exporter_http_requests_total{{code="{}"}}'


@pytest.fixture
def exporter(tmp_path):
    with Exporter.started(tmp_path, "--log.level=debug") as exporter:
        yield exporter


def test_every_answer_is_counted_by_its_code(exporter):
    def counts():
        return {code: exporter.metric(COUNT.format(code)) for code in (200, 400, 404, 405, 413, 431)}

    exporter.get()
    before = poll("a count that is there", lambda: (found := counts())[200] and found)
    for _ in range(3):
        assert exporter.get("/-/healthy").status == 200
    for _ in range(4):
        assert exporter.get("/nothing").status == 404
    for _ in range(2):
        assert exporter.get(method="POST").status == 405
    assert exporter.get("/metrics?collect[]=nosuch").status == 400
    assert exporter.get(headers={"Large": "x" * 40_000}).status == 431
    assert exporter.get(method="POST", headers={"Content-Length": str(2 << 20)}).status == 413
    wanted = {404: 4, 405: 2, 400: 1, 431: 1, 413: 1}
    poll(
        "the counts of what was asked",
        lambda: all((counts()[code] or 0) - (before[code] or 0) == number for code, number in wanted.items()),
    )
    # What asked for the counts was counted, too.
    assert exporter.metric(COUNT.format(200)) >= before[200] + 3


def test_a_request_is_one_line_of_the_log(exporter):
    with exporter.client(source="127.0.0.7") as client:
        assert client.ask("/metrics?collect[]=udp").status == 200
        assert client.ask("/nothing", method="HEAD").status == 404
        port = client.port
    lines = poll("two lines", lambda: len(found := exporter.lines("msg=Request")) == 2 and found)
    for line, parts in zip(lines, [("GET", "/metrics", 200), ("HEAD", "/nothing", 404)]):
        method, path, status = parts
        assert "level=DEBUG" in line
        assert f"method={method} " in f"{line} "
        assert re.search(rf' path="?{path}', line)
        assert f"status={status} " in f"{line} "
        assert re.search(rf" client=127\.0\.0\.7(:{port})?( |$)", line)


@pytest.mark.parametrize("path", ["/%0Alevel=ERROR", "/%0D%0Atime=1", '/%22%20msg="x', "/%1b[31m", "/%00", "/a=b%20c"])
def test_no_path_makes_a_line_of_its_own(exporter, path):
    exporter.get(path)
    poll("its line", lambda: exporter.lines("msg=Request"))
    lines = exporter.log().splitlines()
    assert all(re.match(r"time=\S+ level=(DEBUG|INFO) msg=", line) for line in lines)
    assert len(exporter.lines("msg=Request")) == 1
    assert "\x1b" not in exporter.log()


def test_requests_are_not_logged_at_info(plain):
    plain.get()
    assert plain.lines("msg=Request") == []


def test_no_password_appears_in_the_log(config, tmp_path):
    with Exporter.started(tmp_path, "--log.level=debug", config=config(passwords.section("alice"))) as exporter:
        for password in (passwords.PASSWORDS["alice"], "hunter2"):
            exporter.get("/metrics", passwords.header("alice", password))
        poll("two lines", lambda: len(exporter.lines("msg=Request")) == 2)
        for secret in (passwords.PASSWORDS["alice"], "hunter2", passwords.HASHES["alice"]):
            assert secret not in exporter.log()
            assert base64.b64encode(f"alice:{secret}".encode()).decode() not in exporter.log()
