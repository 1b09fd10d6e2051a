"""Requests over netlink of which no answer ever comes."""

import signal
import time

from scene import errors, lacks_table, last_success, success

# What send() returns for a request whole: of sockets, and of addresses. The kernel never sees it.
SOCKETS_LOST, ADDRESSES_LOST = "sendto:retval=76", "sendto:retval=24"


def test_a_request_that_is_lost_is_given_up_after_10_seconds_and_all_else_is_read_meanwhile(new_scene):
    scene = new_scene("--sampler.source=sock_diag")
    scene.await_page("everything is read", scene.is_whole)
    with scene.fault(SOCKETS_LOST):
        scene.await_page(
            "only the table is old",
            lambda page: last_success(page, "sockstat") - last_success(page, "socket_table") > 5,
        )
        page = scene.await_page("the table is absent", lacks_table, 90)
        assert errors(page, "socket_table", "read_failed") >= 1
        assert scene.lines("level=ERROR", "collector=socket_table", "sock_diag: recv: Resource temporarily unavailable")
    scene.await_recovery()
    scene.stop()


def test_it_stops_in_order_while_it_waits_for_a_lost_answer(new_scene):
    scene = new_scene("--sampler.source=sock_diag")
    scene.await_page("everything is read", scene.is_whole)
    with scene.fault(SOCKETS_LOST):
        time.sleep(3)
    scene.process.send_signal(signal.SIGTERM)
    # Where it hung, the status would be 1 after 4.8 s.
    assert scene.process.wait(20) == 0, scene.log()


def test_a_lost_answer_with_addresses_delays_nothing_and_they_are_read_from_files(new_scene):
    scene = new_scene("--sampler.source=procfs")
    scene.await_page("everything is read", scene.is_whole)
    with scene.fault(ADDRESSES_LOST, all_threads=True):
        page = scene.await_page("it is late", lambda page: success(page, "local_addresses") == 0)
        assert errors(page, "local_addresses", "timed_out") == 1
        # All else goes on.
        later = scene.await_reading(page, 2)
        assert success(later, "socket_table") == 1
        scene.await_page("files are read", lambda page: success(page, "local_addresses") == 1)
        assert scene.lines("level=WARN", "Reading local addresses from files", "rtnetlink: recv:")
    scene.await_recovery("procfs")
    scene.stop()
