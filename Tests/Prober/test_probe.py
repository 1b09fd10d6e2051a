"""/probe?target=&module=, as users of blackbox_exporter know it."""

import concurrent.futures

import servers as ways
from prober import samples


def test_probe_gives_the_result_of_a_probe_and_keeps_the_connection(servers, prober):
    server = servers(ways.keep_alive)
    running = prober()
    for number in range(5):
        status, page = running.get(f"/probe?target={server.url}&module=http_2xx")
        assert status == 200
        assert "probe_success 1\n" in page
        # One on a connection that is kept may take less than 100 µs, and has an exponent then.
        assert 0 < samples(page)["probe_duration_seconds", ()] < 5
        assert "probe_http_status_code 200\n" in page
        assert f"timewait_probe_reused {int(number > 0)}\n" in page
    assert server.connections == 1


def test_a_failed_probe_is_an_answer_with_its_reason(servers, prober):
    server = servers(ways.unavailable)
    status, page = prober().get(f"/probe?target={server.url}&module=http")
    assert status == 200
    assert "probe_success 0\n" in page
    assert 'timewait_probe_failure{reason="status"} 1\n' in page
    assert "probe_http_status_code 503\n" in page


def test_bad_questions_are_refused(servers, prober):
    running = prober()
    for query, sentence in [
        ("", "target is missing"),
        ("?module=http", "target is missing"),
        ("?target=", "target is empty"),
        ("?target=a:1&target=b:2", "target"),
        ("?target=127.0.0.1:80&module=none", "no such module; expected one of http,"),
        ("?target=127.0.0.1:80&module=tcp&module=tcp", "module"),
        ("?target=127.0.0.1&module=tcp", "it has no port; expected one as db.example:5432"),
        ("?target=127.0.0.1:70000&module=tcp", "port 70000 is not 1 to 65535; expected one as"),
        ("?target=ftp://127.0.0.1/&module=http", "its scheme is neither http nor https; expected one as http://web-1"),
        ("?target=127.0.0.1:80%0d%0aX:%20y&module=tcp", "target"),
    ]:
        status, text = running.get(f"/probe{query}")
        assert status == 400, query
        assert sentence in text


def test_a_hanging_target_holds_up_neither_other_questions_nor_the_metrics(servers, prober):
    hanging, good = servers(ways.hang), servers(ways.keep_alive)
    running = prober(
        config={"modules": {"patient": {"probe": "http", "first_byte_timeout": "8s", "timeout": "9s"}}},
    )
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = [pool.submit(running.get, f"/probe?target={hanging.url}{n}&module=patient") for n in range(8)]
        for _ in range(5):
            status, page = running.get(f"/probe?target={good.url}&module=http")
            assert (status, "probe_success 1\n" in page) == (200, True)
            assert running.get("/metrics")[0] == 200
        assert not any(question.done() for question in waiting)
        for question in waiting:
            status, page = question.result()
            assert status == 200
            assert 'timewait_probe_failure{reason="first_byte_timeout"} 1\n' in page


def test_the_scrape_timeout_of_prometheus_shortens_the_probe(servers, prober):
    hanging = servers(ways.hang)
    running = prober(
        config={"modules": {"patient": {"probe": "http", "first_byte_timeout": "60s", "timeout": "60s"}}},
    )
    path = f"/probe?target={hanging.url}&module=patient"
    status, page = running.get(path, **{"X-Prometheus-Scrape-Timeout-Seconds": "2"})
    assert status == 200
    assert 'timewait_probe_failure{reason="timeout"} 1\n' in page


def test_probe_can_be_turned_off(prober):
    running = prober("--web.disable-probe")
    assert running.get("/probe?target=127.0.0.1:1&module=tcp")[0] == 404
