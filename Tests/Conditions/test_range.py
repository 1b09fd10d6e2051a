"""The ephemeral range while it is used up, and what the kernel then says to connect()."""

import errno
import time

ATTEMPT = """
try:
    clients.append(connect(address, port, bind_first=bind_first))
    result = 0
except OSError as error:
    result = error.errno
"""


def attempt(host, address="127.0.0.1", port=9000, bind_first=False):
    return host.do(ATTEMPT, address=address, port=port, bind_first=bind_first)


def test_sockets_that_bind_before_they_connect_use_up_the_whole_range(new_host, tmp_path):
    host = new_host(ip_local_port_range="40000 40199")
    host.do("listeners = [listen('0.0.0.0', 9000 + number) for number in range(4)]; clients = []")
    with host.exporter(tmp_path) as exporter:
        assert exporter.fresh().get("timewait_ephemeral_exhaustion_seconds") == float("inf")
        # The kernel gives a port that nothing holds, as long as there is one.
        made = host.do(
            "made = 0\n"
            "while True:\n"
            "    try: clients.append(connect('127.0.0.1', 9000 + made % 4, bind_first=True))\n"
            "    except OSError as error:\n"
            "        result = made, error.errno\n"
            "        break\n"
            "    made += 1\n"
        )
        # One port belongs to the connection that asks for pages.
        assert made == [199, errno.EADDRINUSE]
        page = exporter.fresh()
        assert page.sum("timewait_ephemeral_ports_used") == page.get("timewait_ephemeral_ports_usable") == 200
        assert page.get("timewait_destination_ports_used_max") == 50
        assert page.get("timewait_ephemeral_exhaustion_seconds") == 0
        # Only the port of the connection that asks for pages, which did not bind, may be shared.
        attempt(host)
        assert attempt(host) == errno.EADDRNOTAVAIL


def test_a_leak_of_such_sockets_is_forecast(new_host, tmp_path):
    host = new_host(ip_local_port_range="40000 40399")
    host.do("listeners = [listen('0.0.0.0', 9000 + number) for number in range(4)]; clients = []")
    with host.exporter(tmp_path) as exporter:
        exporter.fresh()
        start = time.monotonic()
        found = []
        for step in range(80):
            host.do(
                "for number in range(2): clients.append(connect('127.0.0.1', 9000 + (step + number) % 4, bind_first=True))",
                step=step,
            )
            if step >= 30 and step % 10 == 0:
                seconds = exporter.page().get("timewait_ephemeral_exhaustion_seconds")
                now = time.monotonic() - start
                found.append((now, now + seconds))
            time.sleep(max(0, start + (step + 1) / 5 - time.monotonic()))
        rate = 160 / (time.monotonic() - start)
        for _, end in found:
            assert abs(end - 400 / rate) < 0.15 * 400 / rate, found


def test_an_odd_range_may_run_out_one_early(new_host, tmp_path):
    host = new_host(ip_local_port_range="41001 41199")
    host.do("listener = listen('127.0.0.1', 9000); clients = []")
    with host.exporter(tmp_path) as exporter:
        made = 0
        while made < 199 and attempt(host) == 0:
            made += 1
        page = exporter.fresh()
        # The scrape's own connection is another destination and takes nothing away.
        assert made in (198, 199)
        assert page.get("timewait_destination_ports_used_max") == made
        free = set(range(41001, 41200)) - set(host.do("result = [client.getsockname()[1] for client in clients]"))
        assert free <= {41001, 41199}
        expected = 0 if free != {41199} else float("inf")
        assert page.get("timewait_destination_exhaustion_seconds") == expected, free


def test_ports_are_reusable_only_with_timestamps_at_the_other_end(new_host, tmp_path):
    for timestamps in (0, 1):
        host = new_host(ip_local_port_range="40000 40199", tcp_tw_reuse=1)
        peer = new_host(tcp_timestamps=timestamps)
        host.connect_with(peer, "10.9.0.1/24", "10.9.0.2/24")
        peer.do("listener = listen('10.9.0.2', 9000)")
        host.do("clients = []")
        closing = (
            "clients.append(connect('10.9.0.2', 9000))\nclients[-1].shutdown(socket.SHUT_WR)",
            "server, _ = listener.accept(); server.recv(1); server.close()",
            "clients[-1].recv(1); clients.pop().close()",
        )
        with host.exporter(tmp_path) as exporter:
            for _ in range(150):
                host.do(closing[0])
                peer.do(closing[1])
                host.do(closing[2])
            time.sleep(2)
            page = exporter.fresh()
            used = {labels["state"]: value for labels, value in page.all("timewait_destination_ports_used")}
            # Nothing lives that could be asked, and none was taken over: what is not known counts
            # as used.
            assert used == {"live": 0, "time_wait": 150, "reusable": 0}
            # A connection that stays is asked for its timestamps.
            host.do("clients.append(connect('10.9.0.2', 9000))")
            exporter.fresh()
            page = exporter.fresh()
            used = {labels["state"]: value for labels, value in page.all("timewait_destination_ports_used")}
            if timestamps:
                # It has taken one over, or found a port that was free.
                assert used["live"] == 1
                assert used["time_wait"] == 0
                assert used["reusable"] in (149, 150)
                continue
            assert used == {"live": 1, "time_wait": 150, "reusable": 0}
            made = 151
            while attempt(host, "10.9.0.2") == 0:
                made += 1
            assert made == 200
            page = exporter.fresh()
            assert page.get("timewait_destination_ports_used_max") == 200
            assert page.get("timewait_destination_exhaustion_seconds") == 0


def test_reuse_after_a_delay_is_forecast(new_host, tmp_path):
    host = new_host(ip_local_port_range="40000 40099", tcp_tw_reuse=2, tcp_tw_reuse_delay=30_000)
    host.do("listener = listen('127.0.0.1', 9000); clients = []")
    with host.exporter(tmp_path) as exporter:
        exporter.fresh()
        start = time.monotonic()
        found = []
        step = 0
        while True:
            failed = host.do(
                "try:\n"
                "    client = connect('127.0.0.1', 9000)\n"
                "    close(client, listener.accept()[0])\n"
                "    result = 0\n"
                "except OSError as error: result = error.errno"
            )
            now = time.monotonic() - start
            if failed:
                break
            step += 1
            if step % 12 == 0 and now > 3:
                seconds = exporter.page().get("timewait_destination_exhaustion_seconds")
                found.append(now + seconds)
            time.sleep(max(0, start + step / 6 - time.monotonic()))
        assert failed == errno.EADDRNOTAVAIL
        assert 15 < now < 20
        assert len(found) > 4
        assert all(abs(end - now) < 0.1 * now for end in found), (found, now)
