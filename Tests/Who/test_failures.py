"""connect() calls that find no port, against programs that count theirs."""

from programs import answer, is_tracing, started


def test_failed_connect_calls_are_counted_by_program_and_destination(new_host, tmp_path):
    host, other = new_host(ip_local_port_range="40000 40099"), new_host(ip_local_port_range="40000 40099")
    for one in (host, other):
        one.do("listeners = [listen('127.0.0.1', 9000), listen('127.0.0.1', 9001)]")
    with host.exporter(tmp_path, "--who") as exporter:
        is_tracing(exporter)
        with (
            started(host, "exhauster.py", "greedy", "127.0.0.1", 9000, 5) as greedy,
            # In another namespace; its calls do not count here.
            started(other, "exhauster.py", "stranger", "127.0.0.1", 9000, 11) as stranger,
        ):
            assert answer(greedy) == {"failed": 5, "held": 100}
            assert answer(stranger)["failed"] == 11
            with started(host, "exhauster.py", "victim", "127.0.0.1", 9000, 7) as victim:
                assert answer(victim) == {"failed": 7, "held": 0}
            with started(host, "exhauster.py", "victim", "127.0.0.1", 9001, 3) as victim:
                assert answer(victim)["failed"] == 3
                page = exporter.fresh()
    found = {
        (labels["process"], labels["destination_address"], labels["destination_port"]): value
        for labels, value in page.all("timewait_connect_failures_total")
    }
    assert found == {
        ("greedy", "127.0.0.1", "9000"): 5,
        ("victim", "127.0.0.1", "9000"): 7,
        ("victim", "127.0.0.1", "9001"): 3,
    }
    assert page.get("timewait_other_connect_failures_total") == 0


def test_failures_beyond_the_limit_count_together(new_host, tmp_path):
    host = new_host(ip_local_port_range="40000 40099")
    host.do("listeners = [listen('127.0.0.1', 9000 + number) for number in range(3)]")
    with host.exporter(tmp_path, "--who", "--who.limit=1") as exporter:
        is_tracing(exporter)
        for number in range(3):
            with started(host, "exhauster.py", "greedy", "127.0.0.1", 9000 + number, 4) as program:
                assert answer(program)["failed"] == 4
                exporter.fresh()
        page = exporter.fresh()
    assert [value for _, value in page.all("timewait_connect_failures_total")] == [4]
    assert page.get("timewait_other_connect_failures_total") == 8
